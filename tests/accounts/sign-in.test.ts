import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPasswords } from '../../server/accounts/password.ts'
import { opaqueToken, systemRandom } from '../../server/base/random.ts'
import { type BrowserSession, createBrowserSession } from '../support/browser-session.ts'
import { snapshot } from '../support/snapshot.ts'
import { createWorld, PASSWORD, type World } from '../support/world.ts'

const HOUR = 3_600_000
const passwords = createPasswords({ bounded: true })

async function signsIn(world: World, email: string, fields = {}): Promise<BrowserSession> {
  const browser = createBrowserSession(world.url)
  const answer = await browser.post('/signin', { email, password: PASSWORD, ...fields })
  assert.equal(answer.status, 303)
  return browser
}

async function isSignedIn(browser: BrowserSession): Promise<boolean> {
  return (await browser.get('/apps')).status === 200
}

/** The status for a browser with this cookie only. */
async function statusWith(world: World, token: string): Promise<number> {
  return (await createBrowserSession(world.url).get('/apps', { cookie: `latchkey=${token}` })).status
}

test('303: e-mail and password sign in, in any case of the e-mail', async () => {
  await using world = await createWorld()
  await world.person({ email: 'ada@example.com' })
  for (const email of ['ada@example.com', ' ADA@Example.com ']) assert.ok(await isSignedIn(await signsIn(world, email)))
})

test('422: an unknown e-mail and a wrong password get the same response', async () => {
  await using world = await createWorld()
  await world.person({ email: 'ada@example.com' })
  const browser = createBrowserSession(world.url)
  const password = opaqueToken(systemRandom)
  const known = await browser.post('/signin', { email: 'ada@example.com', password })
  const unknown = await browser.post('/signin', { email: 'eve@example.com', password })
  assert.equal(known.status, 422)
  assert.equal(unknown.status, 422)
  const alike = (text: string) => text.replaceAll('eve@', 'ada@').replaceAll(/req_[0-9a-z]{26}/g, '')
  assert.equal(alike(unknown.text), alike(known.text))
  assert.match(known.text, /Email or password is wrong/)
  assert.equal(known.form('/signin').fields['email'], 'ada@example.com')
  assert.equal(known.form('/signin').fields['password'], '')
  assert.equal(browser.cookie('latchkey'), undefined)
})

test('sign-in: an unknown e-mail costs as much work as a wrong password', async () => {
  const hash = await passwords.hash(PASSWORD)
  await passwords.check('warm', undefined)
  const timed = async (passwordHash: string | undefined) => {
    const start = performance.now()
    assert.equal(await passwords.check('wrong', passwordHash), false)
    return performance.now() - start
  }
  let [known, unknown] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let round = 0; round < 10; round += 1) {
    known = Math.min(known, await timed(hash)) // alternates, so that other load on the machine slows both
    unknown = Math.min(unknown, await timed(undefined))
  }
  assert.ok(unknown > known / 2 && unknown < known * 2, `${unknown} ms against ${known} ms`)
  assert.equal(await passwords.check('the password of nobody', undefined), false)
})

test('sign-in: passwords are compared in Unicode normal form', async () => {
  const hash = await passwords.hash('Schlüssel für das Fach')
  assert.equal(await passwords.check('Schlüssel für das Fach'.normalize('NFD'), hash), true)
})

test('422: an empty form reports both fields', async () => {
  await using world = await createWorld()
  const browser = createBrowserSession(world.url)
  for (const fields of [{}, { email: '', password: '' }]) {
    const answer = await browser.post('/signin', fields)
    assert.equal(answer.status, 422)
    assert.match(answer.text, /Write your email\./)
    assert.match(answer.text, /Write your password\./)
  }
})

test('sign-in: every sign-in makes a new session and ends the previous one', async () => {
  await using world = await createWorld()
  const { browser, email } = await world.person()
  const before = browser.cookie('latchkey') ?? ''
  assert.equal((await browser.post('/signin', { email, password: PASSWORD })).status, 303)
  const after = browser.cookie('latchkey') ?? ''
  assert.notEqual(after, before)
  assert.equal(await statusWith(world, before), 303)
  assert.equal(await statusWith(world, after), 200)
})

test('sign-in: a planted cookie never becomes a session', async () => {
  await using world = await createWorld()
  const { email } = await world.person()
  const planted = opaqueToken(systemRandom)
  const browser = createBrowserSession(world.url)
  const answer = await browser.post('/signin', { email, password: PASSWORD }, { cookie: `latchkey=${planted}` })
  assert.equal(answer.status, 303)
  assert.notEqual(browser.cookie('latchkey'), planted)
  assert.equal(await statusWith(world, planted), 303)
})

test('cookie: HttpOnly, SameSite=Lax, for the whole origin, with the lifetime of the session', async () => {
  await using world = await createWorld()
  const { email } = await world.person()
  const answer = await createBrowserSession(world.url).post('/signin', { email, password: PASSWORD })
  const [line = ''] = [answer.headers['set-cookie'] ?? []].flat().filter(cookie => cookie.startsWith('latchkey='))
  assert.match(line, /; HttpOnly/)
  assert.match(line, /; SameSite=Lax/)
  assert.match(line, /; Path=\//)
  assert.match(line, /; Max-Age=43200/)
  assert.doesNotMatch(line, /Domain/)
})

test('cookie: under https it is Secure and has the __Host- prefix', async () => {
  await using world = await createWorld({ env: { PUBLIC_URL: 'https://connect.example.com' } })
  const browser = createBrowserSession(world.url)
  const fields = { account_name: 'Harbor Books', email: 'ada@example.com', password: PASSWORD }
  const answer = await browser.post('/signup', fields, { origin: 'https://connect.example.com' })
  assert.equal(answer.status, 303)
  const [line = ''] = [answer.headers['set-cookie'] ?? []]
    .flat()
    .filter(cookie => cookie.startsWith('__Host-latchkey='))
  for (const part of ['; HttpOnly', '; SameSite=Lax', '; Path=/', '; Secure']) assert.ok(line.includes(part), line)
  assert.doesNotMatch(line, /Domain/)
})

test('return_to: a path of this origin is followed, with its query', async () => {
  await using world = await createWorld()
  const { email } = await world.person()
  for (const path of ['/apps', '/keys?show=live', '/interaction/abc', '/apps?next=https://elsewhere.example/']) {
    const browser = createBrowserSession(world.url)
    const page = await browser.get(`/signin?return_to=${encodeURIComponent(path)}`)
    const answer = await browser.submit(page.form('/signin'), { email, password: PASSWORD })
    assert.equal(answer.headers['location'], path)
    const again = await browser.get(`/signin?return_to=${encodeURIComponent(path)}`)
    assert.equal(again.headers['location'], path)
  }
})

test('return_to: no value leads to another origin', async () => {
  await using world = await createWorld()
  const { email } = await world.person()
  const hostile = [
    'https://elsewhere.example/',
    '//elsewhere.example/',
    '///elsewhere.example',
    '/\\elsewhere.example',
    '\\\\elsewhere.example',
    '/\t/elsewhere.example',
    '/\n/elsewhere.example',
    ' //elsewhere.example',
    '/.//elsewhere.example',
    '/..//elsewhere.example',
    '/a/..//elsewhere.example',
    '/%2e//elsewhere.example',
    '/./\\elsewhere.example',
    'javascript:alert(1)',
    'data:text/html,x',
    'elsewhere.example',
    '@elsewhere.example',
    `${world.url}.elsewhere.example/`,
    `/${'a'.repeat(3_000)}`,
    'apps',
    '',
  ]
  for (const value of hostile) {
    const browser = createBrowserSession(world.url)
    const answer = await browser.post('/signin', { email, password: PASSWORD, return_to: value })
    assert.equal(answer.headers['location'], '/marketplace', JSON.stringify(value))
    const again = await browser.get(`/signin?return_to=${encodeURIComponent(value)}`)
    assert.equal(again.headers['location'], '/marketplace', JSON.stringify(value))
    const switched = await browser.post('/account', { account: (await accountOf(browser)) ?? '', return_to: value })
    assert.ok(
      ['/apps', '/marketplace', undefined].includes(switched.headers['location'] as string),
      JSON.stringify(value),
    )
  }
  const browser = createBrowserSession(world.url)
  const twice = await browser.post('/signin', { email, password: PASSWORD, return_to: ['//a.example', '//b.example'] })
  assert.equal(twice.headers['location'], '/marketplace')
})

async function accountOf(browser: BrowserSession): Promise<string | undefined> {
  return (await browser.get('/apps')).forms().find(form => form.action.endsWith('/account'))?.fields['account']
}

test('sign-out: ends the session itself, not only the cookie', async () => {
  await using world = await createWorld()
  const { browser } = await world.person()
  const token = browser.cookie('latchkey') ?? ''
  const page = await browser.get('/apps')
  const answer = await browser.submit(page.form('/signout'))
  assert.equal(answer.status, 303)
  assert.equal(browser.cookie('latchkey'), undefined)
  assert.equal(await statusWith(world, token), 303)
})

test('sign-out: keeps the person’s other sessions, and a second sign-out does nothing', async () => {
  await using world = await createWorld()
  const { browser, email } = await world.person()
  const other = await signsIn(world, email)
  assert.equal((await other.post('/signout')).status, 303)
  assert.equal((await other.post('/signout')).status, 303)
  assert.ok(await isSignedIn(browser))
})

test('session: lasts SESSION_HOURS while it is used, to the millisecond', async () => {
  await using world = await createWorld({ env: { SESSION_HOURS: '2' } })
  const { browser } = await world.person({ staysSignedIn: false })
  const start = world.clock.now()
  world.clock.advance(HOUR)
  assert.ok(await isSignedIn(browser))
  world.clock.advance(HOUR - 60_000)
  assert.ok(await isSignedIn(browser))
  world.clock.advance(60_000)
  assert.ok(world.clock.now() >= start + 2 * HOUR)
  assert.equal((await browser.get('/apps')).headers['location'], '/signin?return_to=%2Fapps')
})

test('session: an invalid cookie is an anonymous visitor and no error', async () => {
  await using world = await createWorld()
  for (const value of ['x', '', '%', '%00', 'a'.repeat(4_000), '"', "' or 1=1 --", opaqueToken(systemRandom)])
    assert.equal(await statusWith(world, value), 303, value.slice(0, 20))
})

test('account: a member switches to another account of theirs, and to no other', async () => {
  await using world = await createWorld()
  const { browser, userId, accountId } = await world.person({ accountName: 'Harbor Books' })
  const stranger = await world.person({ accountName: 'Lighthouse' })
  const second = await world.person({ accountName: 'Second Shop' })
  const row = { account_id: second.accountId, user_id: userId, role: 'viewer', created_at: world.clock.now() }
  await world.deps.database.transaction(async tx => void (await tx('memberships').insert(row)))
  const switched = await browser.post('/account', { account: second.accountId, return_to: '/keys' })
  assert.equal(switched.headers['location'], '/keys')
  assert.match((await browser.get('/apps')).text, /Second Shop/)
  const before = await snapshot(world.deps.database)
  for (const account of [stranger.accountId, 'acct_0', '', "'"]) {
    const refused = await browser.post('/account', { account })
    assert.equal(refused.status, 404, account)
    assert.doesNotMatch(refused.text, /Lighthouse/)
  }
  assert.equal((await browser.post('/account', {})).status, 400)
  assert.equal(await snapshot(world.deps.database), before)
  await world.deps.database.transaction(async tx => void (await tx('memberships').where(row).delete()))
  assert.match((await browser.get('/apps')).text, /Harbor Books/)
  assert.equal((await browser.post('/account', { account: second.accountId })).status, 404)
  assert.equal((await browser.post('/account', { account: accountId })).status, 303)
})

test('303: an anonymous visitor is sent to the sign-in page, and their form is not executed', async () => {
  await using world = await createWorld()
  const { accountId } = await world.person()
  const browser = createBrowserSession(world.url)
  assert.equal((await browser.get('/keys?show=live')).headers['location'], '/signin?return_to=%2Fkeys%3Fshow%3Dlive')
  assert.equal(
    (await browser.post('/account', { account: accountId })).headers['location'],
    '/signin?return_to=%2Fapps',
  )
})
