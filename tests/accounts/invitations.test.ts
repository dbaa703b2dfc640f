import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyActivity } from '../../server/audit/verify-activity.ts'
import { createBrowserSession } from '../support/browser-session.ts'
import { activityOf, changeRole, join, rowsOf, textOf } from '../support/steps.ts'
import { createWorld, PASSWORD } from '../support/world.ts'
import { invite, mailsTo, roleIn } from './members.ts'

const DAY = 86_400_000

test('somebody without a user signs up by the link, is confirmed by it, and has the role; once', async () => {
  await using world = await createWorld({ worker: false, env: { SIGNUP: 'invite' } })
  const owner = await world.person()
  const path = await invite(world, owner, 'tom@example.com', 'developer')
  const browser = createBrowserSession(world.url)
  const page = await browser.get(path)
  assert.match(textOf(page), /Join Harbor Books/)
  assert.equal((await browser.submit(page.form('Accept invitation'), { password: 'short' })).status, 422)
  const done = await browser.submit(page.form('Accept invitation'), { password: PASSWORD })
  assert.equal(done.location, `${world.url}/apps`)
  assert.match((await browser.get('/apps')).text, /Harbor Books/)
  const [user] = await rowsOf(world, 'users', { email: 'tom@example.com' })
  assert.ok(user?.['email_confirmed_at'])
  const [row] = await rowsOf(world, 'memberships', { user_id: user?.['id'] })
  assert.deepEqual([row?.['account_id'], row?.['role']], [owner.accountId, 'developer'])
  const again = await createBrowserSession(world.url).get(path)
  assert.equal(again.status, 404)
  assert.match(textOf(again), /This invitation is over/)
  assert.equal((await browser.submit(page.form('Accept invitation'), { password: PASSWORD })).status, 404)
  assert.deepEqual(
    (await activityOf(world, owner.accountId)).filter(what => /invitation|member/.test(what)),
    ['invitation.sent', 'member.joined'],
  )
  assert.deepEqual(
    (await mailsTo(world, owner.email)).map(({ subject }) => subject),
    ['tom@example.com joined Harbor Books'],
  )
})

test('a member of another account accepts while signed in, and looks at the new account', async () => {
  await using world = await createWorld({ worker: false })
  const owner = await world.person()
  const guest = await world.person({ accountName: 'Quay Coffee' })
  const path = await invite(world, owner, guest.email.toUpperCase(), 'admin')
  const page = await guest.browser.get((await mailsTo(world, guest.email.toUpperCase()))[0]?.path ?? path)
  assert.equal((await guest.browser.submit(page.form('Accept invitation'))).status, 303)
  assert.equal(await roleIn(world, owner, guest), 'admin')
  const [session] = await rowsOf(world, 'sessions', { user_id: guest.userId })
  assert.equal(session?.['account_id'], owner.accountId)
})

test('another person is refused and told for whom it is; the invitation stays', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, other] = [await world.person(), await world.person()]
  const path = await invite(world, owner, 'tom@example.com')
  const page = await other.browser.get(path)
  assert.equal(page.status, 403)
  assert.match(textOf(page), /is for tom@example.com, and you are signed in as/)
  const token = new URL(path, world.url).searchParams.get('token') ?? ''
  assert.equal((await other.browser.post('/invitations', { token })).status, 403)
  assert.equal(await roleIn(world, owner, other), undefined)
  assert.equal((await rowsOf(world, 'invitations')).length, 1)
})

test('an address that has a user is asked to sign in; nobody sets a password for them', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, guest] = [await world.person(), await world.person()]
  const path = await invite(world, owner, guest.email)
  const stranger = createBrowserSession(world.url)
  const page = await stranger.get(path)
  assert.ok(!page.text.includes('name="password"'))
  const token = new URL(path, world.url).searchParams.get('token') ?? ''
  const answer = await stranger.post('/invitations', { token, password: 'another long sentence' })
  assert.match(String(answer.location), /\/signin\?return_to=/)
  assert.equal((await rowsOf(world, 'invitations')).length, 1)
})

test('somebody who is a member of no account joins as they sign in for the invitation', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, guest] = [await world.person(), await world.person()]
  await world.deps.database.knex('memberships').where({ user_id: guest.userId }).delete()
  assert.equal((await guest.browser.get('/apps')).status, 303, 'the session has ended')
  const path = await invite(world, owner, guest.email)
  const browser = createBrowserSession(world.url)
  const fields = { email: guest.email, password: PASSWORD }
  assert.equal((await browser.post('/signin', fields)).status, 403)
  const done = await browser.post('/signin', { ...fields, return_to: path })
  assert.equal(done.location, `${world.url}/apps`)
  assert.equal(await roleIn(world, owner, guest), 'viewer')
})

test('a link ends after seven days, when it is revoked, and when a new one is sent', async () => {
  await using world = await createWorld({ worker: false })
  const owner = await world.person()
  await world.deps.database.knex('sessions').update({ expires_at: world.clock.now() + 400 * DAY })
  const anyone = createBrowserSession(world.url)
  const first = await invite(world, owner, 'tom@example.com')
  world.clock.advance(7 * DAY - 60_000)
  assert.equal((await anyone.get(first)).status, 200)
  world.clock.advance(60_000)
  assert.equal((await anyone.get(first)).status, 404)
  const page = await owner.browser.get('/settings/members')
  assert.match(textOf(page), /Invitation ended on/)
  assert.equal((await owner.browser.submit(page.form('/resend'))).status, 303)
  assert.equal((await anyone.get(first)).status, 404)
  const second = (await mailsTo(world, 'tom@example.com')).at(-1)?.path ?? ''
  assert.equal((await anyone.get(second)).status, 200)
  assert.equal((await owner.browser.submit(page.form('/revoke'))).status, 303)
  const revoked = await anyone.get(second)
  assert.deepEqual([revoked.status, (await owner.browser.submit(page.form('/revoke'))).status], [404, 404])
  const never = await anyone.get(`/invitations?token=${'x'.repeat(43)}`)
  const comparable = (text: string) => text.replaceAll(/req_\w+|return_to=[^"]*/g, '')
  assert.equal(comparable(revoked.text), comparable(never.text))
})

test('two who press at once join once, and so does a double click', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, guest] = [await world.person(), await world.person()]
  const path = await invite(world, owner, guest.email)
  const form = (await guest.browser.get(path)).form('Accept invitation')
  const answers = await Promise.all(Array.from({ length: 4 }, () => guest.browser.submit(form)))
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [303, 404, 404, 404])
  assert.equal((await activityOf(world, owner.accountId)).filter(what => what === 'member.joined').length, 1)
})

test('who may invite whom: an admin no owner, a developer and a viewer nobody, demoted or not', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, admin] = [await world.person(), await world.person({ accountName: 'Quay Coffee' })]
  await join(world, admin, owner, 'admin')
  await admin.browser.post('/account', { account: owner.accountId })
  const page = await admin.browser.get('/settings/members')
  const form = page.form('Send invitation')
  assert.ok(!form.html.includes('value="owner"'))
  assert.equal((await admin.browser.submit(form, { email: 'a@example.com', role: 'owner' })).status, 403)
  await invite(world, owner, 'boss@example.com', 'owner')
  const [open] = await rowsOf(world, 'invitations')
  for (const act of ['resend', 'revoke'])
    assert.equal((await admin.browser.post(`/settings/members/invitations/${open?.['id']}/${act}`)).status, 403, act)
  const mine = (await owner.browser.get('/settings/members')).form('Send invitation')
  for (const role of ['developer', 'viewer'] as const) {
    await changeRole(world, owner, role)
    const refused = await owner.browser.submit(mine, { email: 'b@example.com' })
    assert.equal(refused.status, 403)
    assert.match(textOf(refused), new RegExp(`Nothing was changed: you are ${role}`))
    assert.ok(!(await owner.browser.get('/settings/members')).text.includes('Send invitation'))
  }
  assert.equal((await rowsOf(world, 'invitations')).length, 1)
})

test('wrong input keeps what was typed, and nothing is sent', async () => {
  await using world = await createWorld({ worker: false })
  const owner = await world.person()
  const form = (await owner.browser.get('/settings/members')).form('Send invitation')
  const cases: [Record<string, string>, RegExp][] = [
    [{ email: 'tom' }, /Write the whole address/],
    [{ email: '' }, /Write the whole address/],
    [{ email: 'tom@example.com', role: 'king' }, /Choose a role/],
    [{ email: owner.email }, /is a member already/],
  ]
  for (const [fields, message] of cases) {
    const answer = await owner.browser.submit(form, fields)
    assert.equal(answer.status, 422)
    assert.match(textOf(answer), message)
    if (fields['email']) assert.ok(answer.text.includes(`value="${fields['email']}"`))
  }
  await invite(world, owner, 'tom@example.com')
  assert.match(textOf(await owner.browser.submit(form, { email: 'TOM@example.com' })), /is invited already/)
  assert.equal((await rowsOf(world, 'invitations')).length, 1)
  assert.equal((await rowsOf(world, 'mails')).length, 1)
})

test('an address gets one invitation an hour, whoever sends it; a viewer cannot spend it', async () => {
  await using world = await createWorld({ worker: false, env: { RATE_LIMITS: 'on' } })
  const [one, two, viewer] = [await world.person(), await world.person(), await world.person()]
  await changeRole(world, viewer, 'viewer')
  assert.equal(
    (await viewer.browser.post('/settings/members/invitations', { email: 't@example.com', role: 'viewer' })).status,
    403,
  )
  await invite(world, one, 't@example.com')
  const form = (await two.browser.get('/settings/members')).form('Send invitation')
  const refused = await two.browser.submit(form, { email: 'T@example.com' })
  assert.equal(refused.status, 429)
  assert.match(textOf(refused), /less than an hour ago/)
  const page = await one.browser.get('/settings/members')
  assert.equal((await one.browser.submit(page.form('/resend'))).status, 429)
  assert.equal((await mailsTo(world, 't@example.com')).length, 1)
  world.clock.advance(3_600_000)
  assert.equal((await two.browser.submit(form, { email: 'T@example.com' })).status, 303)
})

test('a stranger’s invitation looks as if it did not exist', async () => {
  await using world = await createWorld({ worker: false })
  const [owner, stranger] = [await world.person(), await world.person()]
  await invite(world, owner, 'tom@example.com')
  const [invitation] = await rowsOf(world, 'invitations')
  for (const act of ['resend', 'revoke'])
    assert.equal(
      (await stranger.browser.post(`/settings/members/invitations/${invitation?.['id']}/${act}`)).status,
      404,
    )
  const fields = { account: owner.accountId, email: 'x@example.com', role: 'viewer' }
  assert.equal((await stranger.browser.post('/settings/members/invitations', fields)).status, 404)
  assert.equal((await rowsOf(world, 'invitations')).length, 1)
})

test('the log has the invited email as a personal value: it reads with it, and verifies without it', async () => {
  await using world = await createWorld({ worker: false })
  const owner = await world.person()
  await invite(world, owner, 'tom@example.com')
  const sentence = async () => textOf(await owner.browser.get('/activity'))
  assert.match(await sentence(), /invited tom@example\.com/)
  const { database, activityKey } = world.deps
  const [entry] = await rowsOf(world, 'activity', { what: 'invitation.sent' })
  assert.doesNotMatch(String(entry?.['data']), /tom@/)
  await database.knex('activity').where({ what: 'invitation.sent' }).update({ personal: null, personal_salt: null })
  assert.doesNotMatch(await sentence(), /tom@example\.com/)
  const proof = await database.read(tx => verifyActivity(tx, activityKey))
  assert.deepEqual([proof.broken, proof.erased], [[], 1])
})
