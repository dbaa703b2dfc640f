import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BrowserSession, createBrowserSession } from '../support/browser-session.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld, PASSWORD, type Person, type World } from '../support/world.ts'

const [MINUTE, HOUR] = [60_000, 3_600_000]
const NEW = 'another long sentence'

async function signIn(world: World, person: Person, userAgent: string, password = PASSWORD): Promise<BrowserSession> {
  const browser = createBrowserSession(world.url)
  const answer = await browser.post('/signin', { email: person.email, password }, { 'user-agent': userAgent })
  assert.equal(answer.status, 303, answer.text)
  return browser
}

const isSignedIn = async (browser: BrowserSession) => (await browser.get('/apps')).status === 200

async function subjects(world: World, person: Person): Promise<unknown[]> {
  const mails = await rowsOf(world, 'mails', { recipient: person.email })
  return mails.map(({ model }) => JSON.parse(String(model)).subject)
}

test('a session ends after two hours without use, and after SESSION_HOURS with use', async () => {
  await using world = await createWorld({ worker: false, env: { SESSION_HOURS: '3' } })
  const { browser } = await world.person({ staysSignedIn: false })
  for (let used = 0; used < 2; used += 1) {
    world.clock.advance(HOUR + 29 * MINUTE)
    assert.ok(await isSignedIn(browser))
  }
  world.clock.advance(3 * MINUTE)
  assert.equal(await isSignedIn(browser), false)
  const other = (await world.person({ staysSignedIn: false })).browser
  world.clock.advance(2 * HOUR - MINUTE)
  assert.ok(await isSignedIn(other))
  const idle = (await world.person({ staysSignedIn: false })).browser
  world.clock.advance(2 * HOUR)
  assert.equal(await isSignedIn(idle), false)
})

test('the use of a session is written every five minutes at most', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person({ staysSignedIn: false })
  const seenAt = async () => (await rowsOf(world, 'sessions', { user_id: person.userId }))[0]?.['seen_at']
  const first = await seenAt()
  world.clock.advance(4 * MINUTE)
  assert.ok(await isSignedIn(person.browser))
  assert.equal(await seenAt(), first)
  world.clock.advance(2 * MINUTE)
  assert.ok(await isSignedIn(person.browser))
  assert.ok(Number(await seenAt()) >= Number(first) + 6 * MINUTE)
})

test('sessions are listed with their browser; one, or all others, are signed out, and a mail says so', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const alone = await person.browser.get('/settings/security')
  assert.doesNotMatch(alone.text, /Sign out everywhere else/)
  const phone = await signIn(world, person, 'Mozilla/5.0 (iPhone) Version/18.5 Safari/604.1')
  const [laptop, third] = [await signIn(world, person, 'Firefox/140.0 Linux'), await signIn(world, person, '')]
  const page = await person.browser.get('/settings/security')
  for (const words of ['Safari on iPhone', 'Firefox on Linux', 'This one', 'Sign out everywhere else'])
    assert.ok(page.text.includes(words), words)
  const own = page.forms().find(({ html }) => html.includes('Sign out Safari on iPhone'))
  assert.ok(own)
  const answer = await person.browser.follow(await person.browser.submit(own))
  assert.match(answer.text, /Signed out\./)
  assert.deepEqual([await isSignedIn(phone), await isSignedIn(laptop)], [false, true])
  assert.equal((await person.browser.submit(own)).status, 404)
  await person.browser.submit(page.form('/sessions/end'))
  assert.deepEqual([await isSignedIn(laptop), await isSignedIn(third)], [false, false])
  assert.ok(await isSignedIn(person.browser))
  assert.deepEqual((await subjects(world, person)).slice(3), [
    'A session of yours was signed out',
    'Your other sessions were signed out',
  ])
})

test('404: a stranger cannot sign out a session', async () => {
  await using world = await createWorld({ worker: false })
  const [person, stranger] = [await world.person(), await world.person()]
  const [session] = await rowsOf(world, 'sessions', { user_id: person.userId })
  const answer = await stranger.browser.post(`/settings/security/sessions/${session?.['id']}/end`)
  assert.equal(answer.status, 404)
  assert.ok(await isSignedIn(person.browser))
  assert.equal((await createBrowserSession(world.url).get('/settings/security')).status, 303)
})

test('a mail tells of a sign-in from a browser that is new, not of the first one or of one that is known', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  assert.deepEqual(await subjects(world, person), [])
  await person.browser.post('/signin', { email: person.email, password: PASSWORD })
  assert.deepEqual(await subjects(world, person), [])
  const other = await signIn(world, person, 'Firefox/140.0 Linux')
  assert.deepEqual(await subjects(world, person), ['New sign-in to your account'])
  const [mail] = await rowsOf(world, 'mails', {})
  for (const words of ['Firefox on Linux', '127.0.0.1']) assert.ok(String(mail?.['model']).includes(words), words)
  await other.post('/signout')
  await other.post('/signin', { email: person.email, password: PASSWORD })
  assert.equal((await subjects(world, person)).length, 1)
})

test('change of password: faults are named, other sessions end, the new one signs in', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person({ email: 'ada.lovelace@example.com' })
  const other = await signIn(world, person, '')
  const form = (await person.browser.get('/settings/security')).form('/password')
  for (const [fields, message] of [
    [{}, /Write your current password/],
    [{ current: 'wrong', new: NEW }, /The current password is wrong/],
    [{ current: PASSWORD, new: 'short' }, /Use 12 characters or more/],
    [{ current: PASSWORD, new: 'Unbelievable' }, /Many people use this password/],
    [{ current: PASSWORD, new: 'Ada.Lovelace@example.com' }, /something else than your email/],
  ] as const) {
    const refused = await person.browser.submit(form, fields)
    assert.equal(refused.status, 422)
    assert.match(refused.text, message)
  }
  assert.ok(await isSignedIn(other))
  const done = await person.browser.follow(await person.browser.submit(form, { current: PASSWORD, new: NEW }))
  assert.match(done.text, /The password was changed/)
  assert.equal(await isSignedIn(other), false)
  const old = await createBrowserSession(world.url).post('/signin', { email: person.email, password: PASSWORD })
  assert.equal(old.status, 422)
  await signIn(world, person, '', NEW)
  assert.ok((await subjects(world, person)).includes('Your password was changed'))
  const log = await rowsOf(world, 'activity', { account_id: person.accountId, what: 'password.changed' })
  assert.equal(log.length, 1)
})

test('422: sign-up refuses a common password and the own email', async () => {
  await using world = await createWorld({ worker: false })
  const browser = createBrowserSession(world.url)
  const fields = { account_name: 'Harbor Books', email: 'ada.lovelace@example.com' }
  for (const password of ['unbelievable', fields.email]) {
    const answer = await browser.post('/signup', { ...fields, password })
    assert.equal(answer.status, 422)
  }
  assert.deepEqual(await rowsOf(world, 'users', { email: fields.email }), [])
})
