import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeRole } from '../../server/accounts/change-role.ts'
import { removeMember } from '../../server/accounts/remove-member.ts'
import { findSession } from '../../server/accounts/sessions.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { activityOf, join, rowsOf, changeRole as setRole, textOf } from '../support/steps.ts'
import { createWorld, type Person, type World } from '../support/world.ts'
import { mailsTo, roleIn } from './members.ts'

/** An owner and another member of the same account, who looks at it. */
async function pair(world: World, role: 'owner' | 'admin' | 'developer' | 'viewer'): Promise<[Person, Person]> {
  const [owner, member] = [await world.person(), await world.person({ accountName: 'Quay Coffee' })]
  await join(world, member, owner, role)
  assert.equal((await member.browser.post('/account', { account: owner.accountId })).status, 303)
  return [owner, member]
}

const pathOf = ({ userId }: Person, act: string) => `/settings/members/${userId}/${act}`

test('Change role: it applies to the next request, with an entry and a mail', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, member] = await pair(world, 'viewer')
  assert.equal((await member.browser.get('/keys/new')).status, 403)
  const page = await owner.browser.get(pathOf(member, 'role'))
  assert.equal(page.form('Change role').fields['role'], 'viewer')
  const done = await owner.browser.submit(page.form('Change role'), { role: 'developer' })
  assert.equal(done.location, `${world.url}/settings/members?done=role`)
  assert.equal((await member.browser.get('/keys/new')).status, 200)
  assert.equal((await owner.browser.submit(page.form('Change role'), { role: 'developer' })).status, 303, 'twice')
  assert.equal((await owner.browser.submit(page.form('Change role'), { role: 'king' })).status, 422)
  assert.equal((await activityOf(world, owner.accountId)).filter(what => what === 'member.role_changed').length, 1)
  assert.deepEqual(
    (await mailsTo(world, member.email)).map(({ subject }) => subject),
    ['You are developer of Harbor Books'],
  )
})

test('the last owner neither leaves nor is demoted; with another owner they may', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, member] = await pair(world, 'admin')
  const leave = (await owner.browser.get('/settings/members/leave')).form('/leave')
  const refused = await owner.browser.submit(leave)
  assert.equal(refused.status, 409)
  assert.match(textOf(refused), /Nothing was changed. Harbor Books has no other owner/)
  assert.equal((await owner.browser.post(pathOf(owner, 'role'), { role: 'viewer' })).status, 409)
  assert.equal((await owner.browser.post(pathOf(owner, 'remove'))).status, 409)
  await owner.browser.post(pathOf(member, 'role'), { role: 'owner' })
  assert.equal((await owner.browser.submit(leave)).status, 303)
  assert.equal(await roleIn(world, owner, owner), undefined)
  assert.equal((await rowsOf(world, 'sessions', { user_id: owner.userId })).length, 0, 'no account is left')
  assert.equal((await activityOf(world, owner.accountId)).at(-1), 'member.left')
  assert.equal((await mailsTo(world, member.email)).at(-1)?.subject, `${owner.email} left Harbor Books`)
})

test('two owners who leave at once: one stays', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, other] = await pair(world, 'owner')
  const answers = await Promise.all(
    [owner, other].map(({ browser }) => browser.post('/settings/members/leave', { account: owner.accountId })),
  )
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [303, 409])
  assert.equal((await rowsOf(world, 'memberships', { account_id: owner.accountId, role: 'owner' })).length, 1)
})

test('an admin does not touch owners, and makes none', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, admin] = await pair(world, 'admin')
  const third = await world.person()
  await join(world, third, owner, 'viewer')
  for (const act of ['role', 'remove', 'transfer']) {
    assert.equal((await admin.browser.get(pathOf(owner, act))).status, 403, act)
    assert.equal((await admin.browser.post(pathOf(owner, act), { role: 'viewer' })).status, 403, act)
  }
  assert.equal((await admin.browser.post(pathOf(third, 'role'), { role: 'owner' })).status, 403)
  assert.equal((await admin.browser.post(pathOf(admin, 'role'), { role: 'owner' })).status, 403)
  assert.equal((await admin.browser.post(pathOf(third, 'transfer'))).status, 403)
  assert.equal((await admin.browser.post(pathOf(third, 'role'), { role: 'admin' })).status, 303)
  const page = await admin.browser.get('/settings/members')
  assert.ok(!page.text.includes(pathOf(owner, 'role')))
  assert.ok(!page.text.includes('Transfer ownership'))
})

test('Transfer ownership: one step, no going back for the old owner', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, member] = await pair(world, 'viewer')
  const form = (await owner.browser.get(pathOf(member, 'transfer'))).form('Transfer ownership')
  assert.equal((await owner.browser.submit(form)).status, 303)
  assert.deepEqual([await roleIn(world, owner, owner), await roleIn(world, owner, member)], ['admin', 'owner'])
  assert.equal((await owner.browser.submit(form)).status, 403)
  assert.equal((await owner.browser.post(pathOf(owner, 'role'), { role: 'owner' })).status, 403)
  assert.equal((await activityOf(world, owner.accountId)).at(-1), 'account.ownership_transferred')
  for (const { email } of [owner, member])
    assert.equal((await mailsTo(world, email)).at(-1)?.subject, 'Harbor Books has a new owner')
})

test('a removed member sees another account of theirs at once, in every process, and nothing of this one', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, member] = await pair(world, 'admin')
  await using beside = await nodeBeside(world)
  const form = (await owner.browser.get(pathOf(member, 'remove'))).form('Remove')
  const theirs = (await member.browser.get('/keys/new')).form('Create key')
  assert.equal((await owner.browser.submit(form)).status, 303)
  assert.equal((await member.browser.submit(theirs, { name: 'Mine', permissions: ['charges:read'] })).status, 404)
  const [session] = await rowsOf(world, 'sessions', { user_id: member.userId })
  assert.equal(session?.['account_id'], member.accountId)
  const token = member.browser.cookie('latchkey') ?? ''
  const elsewhere = await beside.deps.database.look(tx => findSession(tx, beside.deps, token, ''))
  assert.deepEqual(
    elsewhere?.memberships.map(({ account }) => account.id),
    [member.accountId],
  )
  assert.equal((await owner.browser.submit(form)).status, 404, 'twice')
  assert.equal((await mailsTo(world, member.email))[0]?.subject, 'You are no longer a member of Harbor Books')
})

test('an account from outside is shown and not changed here; programs change it, and may leave it without an owner', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, member] = await pair(world, 'viewer')
  await world.deps.database.knex('accounts').where({ id: owner.accountId }).update({ external_id: 'cus_1' })
  const page = await owner.browser.get('/settings/members')
  assert.match(textOf(page), /Managed elsewhere/)
  assert.ok(page.forms().every(({ action }) => !action.includes('/settings/members')))
  for (const [path, fields] of [
    ['/settings/members/invitations', { email: 't@example.com', role: 'viewer' }],
    [pathOf(member, 'role'), { role: 'admin' }],
    [pathOf(member, 'remove'), {}],
    [pathOf(member, 'transfer'), {}],
    ['/settings/members/leave', {}],
  ] as const)
    assert.equal((await owner.browser.post(path, fields)).status, 409, path)
  const actor = { type: 'admin_key' as const, id: 'adk_tests', ip: '' }
  const { deps } = world
  const command = { accountId: owner.accountId, actor }
  await deps.database.transaction(tx => changeRole(tx, deps, { ...command, userId: owner.userId, role: 'viewer' }))
  await deps.database.transaction(tx => removeMember(tx, deps, { ...command, userId: owner.userId }))
  assert.match(textOf(await member.browser.get('/settings/members')), /This account has no owner/)
})

test('strangers: members of another account look as if they did not exist', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, stranger] = [await world.person(), await world.person()]
  for (const act of ['role', 'remove', 'transfer'])
    for (const person of [{ userId: stranger.userId }, { userId: world.deps.ids.next('usr') }, { userId: 'usr_x' }]) {
      const path = `/settings/members/${person.userId}/${act}`
      assert.equal((await owner.browser.get(path)).status, 404, path)
      assert.equal((await owner.browser.post(path, { role: 'viewer' })).status, 404, path)
    }
})

test('a form acts in the account of its page, even if the person has switched accounts since', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, member] = await pair(world, 'owner')
  await join(world, owner, member, 'viewer')
  const form = (await member.browser.get(pathOf(owner, 'role'))).form('Change role')
  await member.browser.post('/account', { account: member.accountId })
  assert.equal((await member.browser.submit(form, { role: 'developer' })).status, 303)
  assert.equal(await roleIn(world, owner, owner), 'developer')
  assert.equal(await roleIn(world, member, owner), 'viewer')
  await setRole(world, owner, 'owner')
})
