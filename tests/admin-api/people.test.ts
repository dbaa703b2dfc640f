import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { OPERATOR_LOG } from '../../server/audit/record-activity.ts'
import { createWorld, type World } from '../support/world.ts'
import { type AdminClient, createAdminClient } from './admin-client.ts'

let world: World
let admin: AdminClient
before(async () => {
  world = await createWorld({ worker: false })
  admin = await createAdminClient(world)
})
after(() => world[Symbol.asyncDispose]())

const logOf = async (accountId: string) =>
  (await world.deps.database.knex('activity').where({ account_id: accountId }).orderBy('number')).map(
    row => `${row.what} ${row.actor_type}`,
  )

test('an account is created, found by both names, changed, and both logs have it', async () => {
  const made = await admin.call('POST', '/accounts', { name: 'Harbor Books', external_id: 'customer 4711/é' })
  assert.equal(made.status, 201, made.text)
  assert.deepEqual(Object.keys(made.body), ['id', 'name', 'external_id', 'created_at'])
  const reference = `external:${encodeURIComponent('customer 4711/é')}`
  for (const name of [made.body['id'], reference])
    assert.deepEqual((await admin.call('GET', `/accounts/${name}`)).body, made.body)
  const changed = await admin.call('PATCH', `/accounts/${reference}`, { name: 'Harbor', external_id: null })
  assert.deepEqual([changed.body['name'], changed.body['external_id']], ['Harbor', null])
  assert.equal((await admin.call('GET', `/accounts/${reference}`)).status, 404)
  assert.deepEqual(await logOf(made.body['id']), ['account.created admin_key', 'account.changed admin_key'])
  const own = await world.deps.database.knex('activity').where({ account_id: OPERATOR_LOG, object: made.body['id'] })
  assert.deepEqual(
    own.map(({ data }) => JSON.parse(data).accounts),
    [[made.body['id']], [made.body['id']]],
  )
})

test('of programs that create one external account or person at once, one gets 201 and the others 409', async () => {
  const cases = [
    ['/accounts', { name: 'Race', external_id: 'race' }],
    ['/users', { email: 'race@example.com', external_id: 'race' }],
  ] as const
  for (const [path, body] of cases) {
    const answers = await Promise.all([1, 2, 3, 4].map(() => admin.call('POST', path, body)))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409])
    const [refused] = answers.filter(({ status }) => status === 409)
    assert.match(String(refused?.body['code']), /^(?:external_id|email)_taken$/)
    assert.ok(refused?.body['errors'][0].field)
    assert.equal((await admin.call('GET', `${path}/external:race`)).status, 200)
  }
})

test('an e-mail that another person has, in any case, is a 409 that names the field and joins nobody', async () => {
  const person = await world.person({ email: 'grace@example.com' })
  const taken = await admin.call('POST', '/users', { email: 'GRACE@example.com', external_id: 'grace' })
  assert.deepEqual([taken.status, taken.body['code'], taken.body['errors'][0].field], [409, 'email_taken', 'email'])
  const other = (await admin.call('POST', '/users', { email: 'hopper@example.com' })).body
  const moved = await admin.call('PATCH', `/users/${other['id']}`, { email: 'grace@example.com' })
  assert.deepEqual([moved.status, moved.body['code']], [409, 'email_taken'])
  assert.equal((await admin.call('GET', `/users/${person.userId}`)).body['email'], 'grace@example.com')
})

test('members: added, given another role, listed newest first page by page, removed with their sessions', async () => {
  const account = (await admin.call('POST', '/accounts', { name: 'Team', external_id: 'team' })).body
  const users: string[] = []
  for (const name of ['ada', 'ben', 'cy']) {
    world.clock.advance(1_000)
    const user = await admin.call('POST', '/users', { email: `${name}@team.example`, name, external_id: name })
    users.unshift(user.body['id'])
    const added = await admin.call('PUT', `/accounts/external:team/members/external:${name}`, { role: 'viewer' })
    assert.deepEqual([added.status, added.body['user_id'], added.body['role']], [200, users[0], 'viewer'])
  }
  const seen: string[] = []
  for (let cursor = ''; ; ) {
    const page = await admin.call('GET', `/accounts/external:team/members?limit=2${cursor}`)
    seen.push(...page.body['data'].map((member: { user_id: string }) => member.user_id))
    if (page.body['next_cursor'] === null) break
    cursor = `&cursor=${page.body['next_cursor']}`
  }
  assert.deepEqual(seen, users)
  const person = await world.person()
  await admin.call('PUT', `/accounts/${account['id']}/members/${person.userId}`, { role: 'owner' })
  await world.deps.database.knex('sessions').where({ user_id: person.userId }).update({ account_id: account['id'] })
  const path = `/accounts/external:team/members/${person.userId}`
  assert.equal((await admin.call('PUT', path, { role: 'developer' })).body['role'], 'developer')
  assert.deepEqual([(await admin.call('DELETE', path)).status, (await admin.call('DELETE', path)).status], [204, 404])
  assert.equal((await person.browser.get('/apps')).status, 303)
  assert.deepEqual((await logOf(account['id'])).slice(-3), [
    'member.added admin_key',
    'member.role_changed admin_key',
    'member.removed admin_key',
  ])
})

test('an account that people manage here keeps an owner; one from outside or of a program may lack one', async () => {
  const person = await world.person()
  const path = (account: string) => `/accounts/${account}/members/${person.userId}`
  for (const refused of [
    await admin.call('DELETE', path(person.accountId)),
    await admin.call('PUT', path(person.accountId), { role: 'admin' }),
  ])
    assert.deepEqual([refused.status, refused.body['code']], [409, 'last_owner'])
  const made = (await admin.call('POST', '/accounts', { name: 'Empty' })).body
  await admin.call('PUT', path(made['id']), { role: 'owner' })
  assert.equal((await admin.call('DELETE', path(made['id']))).status, 204)
})

test('the operator flag is set and taken', async () => {
  const person = await world.person()
  const path = `/users/${person.userId}`
  assert.equal((await admin.call('GET', path)).body['operator'], false)
  assert.equal((await admin.call('PATCH', path, { operator: true })).body['operator'], true)
  assert.equal((await admin.call('GET', path)).body['operator'], true)
  assert.deepEqual((await logOf(person.accountId)).slice(-1), ['user.changed admin_key'])
})

test('lists are newest first, page by page, and hold everything once', async () => {
  for (const path of ['/accounts', '/users']) {
    const ids: string[] = []
    for (let cursor = ''; ; ) {
      const { body } = await admin.call('GET', `${path}?limit=3${cursor}`)
      ids.push(...body['data'].map(({ id }: { id: string }) => id))
      if (body['next_cursor'] === null) break
      cursor = `&cursor=${body['next_cursor']}`
    }
    assert.ok(ids.length > 3)
    assert.deepEqual(ids, [...new Set(ids)].sort().reverse())
  }
})

test('400 names each field', async () => {
  const cases: [string, string, object, string][] = [
    ['POST', '/accounts', {}, 'name'],
    ['POST', '/accounts', { name: 'x', external_id: '' }, 'external_id'],
    ['POST', '/accounts', { name: 'x', external_id: 'a'.repeat(256) }, 'external_id'],
    ['POST', '/accounts', { name: 'x', colour: 'red' }, 'colour'],
    ['POST', '/users', { email: 'nobody' }, 'email'],
    ['POST', '/users', { email: 'a@example.com', operator: 'yes' }, 'operator'],
    ['PATCH', '/users/external:race', { email: null }, 'email'],
    ['PUT', '/accounts/external:race/members/external:race', { role: 'boss' }, 'role'],
    ['GET', '/accounts?limit=0', {}, 'limit'],
    ['GET', '/users?cursor=nonsense', {}, 'cursor'],
  ]
  for (const [method, path, body, field] of cases) {
    const answer = await admin.call(method, path, method === 'GET' ? undefined : body)
    assert.deepEqual([answer.status, answer.body['errors']?.[0].field], [400, field], `${method} ${path}`)
  }
})
