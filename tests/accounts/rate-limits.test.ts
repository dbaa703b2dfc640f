import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkOf } from '../../server/base/addresses.ts'
import { createRateLimits } from '../../server/limits/rate-limits.ts'
import { type Answer, type BrowserSession, createBrowserSession } from '../support/browser-session.ts'
import { createWorld, PASSWORD, type World } from '../support/world.ts'

const LIMITED = { RATE_LIMITS: 'on', TRUST_PROXY: '1' }
const WRONG = 'not the right sentence'

/** Signs in from behind the proxy with this client address. */
function attempt(
  world: World,
  email: string,
  password: string,
  address: string,
  browser: BrowserSession = createBrowserSession(world.url),
): Promise<Answer> {
  return browser.post('/signin', { email, password }, { 'x-forwarded-for': address })
}

function assertLimited(answer: Answer, most: number): void {
  assert.equal(answer.status, 429)
  const seconds = Number(answer.headers['retry-after'])
  assert.ok(seconds >= 1 && seconds <= most, `Retry-After: ${seconds}`)
  assert.match(answer.text, /Too many requests/)
}

/** Counts this many wrong passwords for the address. */
async function spend(
  world: World,
  name: Parameters<World['deps']['limits']['spend']>[0][0],
  key: string,
  times: number,
) {
  for (let count = 0; count < times; count += 1) await world.deps.limits.trySpend(name, key)
}

test('429: ten wrong passwords from one address for one email, in any spelling; RATE_LIMITS=off lifts it', async () => {
  await using world = await createWorld({ env: { RATE_LIMITS: 'off' } })
  await using limited = await createWorld({ env: LIMITED })
  for (const one of [world, limited]) await one.person({ email: 'ada@example.com' })
  const emails = ['ada@example.com', 'ADA@example.com']
  for (let count = 0; count < 10; count += 1) {
    assert.equal((await attempt(limited, emails[count % 2] ?? '', WRONG, '198.51.100.1')).status, 422)
    assert.equal((await attempt(world, 'ada@example.com', WRONG, '198.51.100.1')).status, 422)
  }
  assertLimited(await attempt(limited, 'ada@example.com', PASSWORD, '198.51.100.1'), 900)
  assert.equal((await attempt(world, 'ada@example.com', PASSWORD, '198.51.100.1')).status, 303)
  assert.equal((await attempt(limited, 'eve@example.com', WRONG, '198.51.100.1')).status, 422)
  assert.equal((await attempt(limited, 'ada@example.com', PASSWORD, '198.51.100.2')).status, 303)
  limited.clock.advance(900_000)
  assert.equal((await attempt(limited, 'ada@example.com', PASSWORD, '198.51.100.1')).status, 303)
})

test('303: strangers at forty addresses lock nobody out; an address that keeps guessing has three tries', async () => {
  await using world = await createWorld({ env: LIMITED })
  const { browser, email } = await world.person()
  for (let count = 0; count < 11; count += 1)
    assert.equal((await attempt(world, email, WRONG, `198.51.100.${count}`)).status, 422)
  assert.equal((await attempt(world, email, PASSWORD, '203.0.113.9')).status, 303)
  await spend(world, 'sign_in_email', email, 30)
  for (let count = 0; count < 3; count += 1)
    assert.equal((await attempt(world, email, WRONG, '198.51.100.200')).status, 422)
  assertLimited(await attempt(world, email, WRONG, '198.51.100.200'), 900)
  assert.equal((await attempt(world, email, PASSWORD, '203.0.113.10')).status, 303)
  assert.equal((await attempt(world, email, PASSWORD, '198.51.100.200', browser)).status, 303)
})

test('303: a browser that has signed in before passes, whatever strangers at its own address have used up', async () => {
  await using world = await createWorld({ env: LIMITED })
  const { browser, email } = await world.person()
  await browser.post('/signout')
  await spend(world, 'sign_in_address', '198.51.100.1', 40)
  assertLimited(await attempt(world, email, PASSWORD, '198.51.100.1'), 300)
  const mark = browser.cookie('latchkey_browser')
  assert.equal((await attempt(world, email, PASSWORD, '198.51.100.1', browser)).status, 303)
  assert.notEqual(browser.cookie('latchkey_browser'), mark, 'each sign-in makes a new mark')
  const { email: other } = await world.person()
  assertLimited(await attempt(world, other, PASSWORD, '198.51.100.1', browser), 300)
  assert.equal((await attempt(world, other, PASSWORD, '203.0.113.1', browser)).status, 303)
  for (const one of [email, other])
    assert.equal((await attempt(world, one, PASSWORD, '198.51.100.1', browser)).status, 303)
})

test('429: a copied mark allows ten tries at its own email and signs nobody in; a forged or expired one allows none', async () => {
  await using world = await createWorld({ env: LIMITED })
  const { browser, email } = await world.person()
  const mark = browser.cookie('latchkey_browser') ?? ''
  await spend(world, 'sign_in_address', '198.51.100.1', 30)
  const tryWith = (value: string) =>
    createBrowserSession(world.url).post(
      '/signin',
      { email, password: WRONG },
      { 'x-forwarded-for': '198.51.100.1', cookie: `latchkey_browser=${value}` },
    )
  const [userId, at, nonce, signature = ''] = mark.split('.')
  const altered = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
  for (const forged of [
    `${userId}.${at}.${nonce}.${altered}`,
    `${userId}.${Number(at) + 1}.${nonce}.${signature}`,
    userId ?? '',
    '~~~~',
  ])
    assertLimited(await tryWith(forged), 300)
  for (let count = 0; count < 10; count += 1) assert.equal((await tryWith(mark)).status, 422)
  assertLimited(await tryWith(mark), 900)
  const page = await createBrowserSession(world.url).get('/apps', { cookie: `latchkey_browser=${mark}` })
  assert.equal(page.status, 303)
  world.clock.advance(181 * 86_400_000)
  await spend(world, 'sign_in_address', '198.51.100.1', 30)
  assertLimited(await tryWith(mark), 300)
})

test('429: thirty attempts from one network, for any email; an IPv6 /64 is one network', async () => {
  await using world = await createWorld({ env: LIMITED })
  for (const [spent, same, other] of [
    ['198.51.100.1', '::ffff:198.51.100.1', '198.51.100.2'],
    ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'],
  ] as const) {
    await spend(world, 'sign_in_address', networkOf(spent), 29)
    assert.equal((await attempt(world, 'p30@example.com', WRONG, spent)).status, 422)
    assertLimited(await attempt(world, 'p31@example.com', WRONG, same), 300)
    assert.equal((await attempt(world, 'p31@example.com', WRONG, other)).status, 422)
  }
})

test('303: correct sign-ins are never limited by earlier ones', async () => {
  await using world = await createWorld({ env: LIMITED })
  const { email } = await world.person()
  for (let count = 0; count < 12; count += 1)
    assert.equal((await attempt(world, email, PASSWORD, '198.51.100.1')).status, 303)
})

test('429: forged forwarding headers do not multiply an address without a trusted proxy', async () => {
  await using world = await createWorld({ env: { RATE_LIMITS: 'on' } })
  await spend(world, 'sign_in_address', '127.0.0.1', 29)
  assert.equal((await attempt(world, 'p1@example.com', WRONG, '198.51.100.1')).status, 422)
  assertLimited(await attempt(world, 'p2@example.com', WRONG, '198.51.100.2'), 300)
})

test('429: twenty sign-ups from one address in an hour; a form with mistakes does not count', async () => {
  await using world = await createWorld({ env: LIMITED })
  const signUp = (count: number, password: string) =>
    createBrowserSession(world.url).post(
      '/signup',
      { account_name: 'Harbor Books', email: `p${count}@example.com`, password },
      { 'x-forwarded-for': '198.51.100.1' },
    )
  for (let count = 0; count < 5; count += 1) assert.equal((await signUp(count, 'short')).status, 422)
  await spend(world, 'sign_up_address', '198.51.100.1', 19)
  assert.equal((await signUp(19, PASSWORD)).status, 303)
  assertLimited(await signUp(20, PASSWORD), 3_600)
})

test('limits: processes on one database share their counters and together never exceed the limit', async () => {
  await using world = await createWorld({ env: LIMITED })
  const processes = [world.deps.limits, ...Array.from({ length: 3 }, () => createRateLimits(true, world.deps))]
  const granted = async (name: 'leaks' | 'api') => {
    const tries = Array.from({ length: 1_300 }, (_, index) => processes[index % 4]?.trySpend(name, 'somebody'))
    return (await Promise.all(tries)).filter(Boolean).length
  }
  assert.equal(await granted('leaks'), 30)
  const drawnInBlocks = await granted('api')
  assert.ok(drawnInBlocks <= 1_200 && drawnInBlocks > 1_000, `${drawnInBlocks}`)
  assert.equal(await processes[1]?.trySpend('leaks', 'somebody'), false)
  world.clock.advance(60_000)
  assert.equal(await granted('leaks'), 30)
})

test('limits: a counter written by a clock that was ahead limits nobody for longer than its window', async () => {
  await using world = await createWorld({ env: LIMITED })
  const ahead = { ...world.clock, now: () => world.clock.now() + 86_400_000 }
  const other = createRateLimits(true, { database: world.deps.database, clock: ahead })
  for (let count = 0; count < 31; count += 1) await other.trySpend('leaks', 'somebody')
  assert.equal(await world.deps.limits.trySpend('leaks', 'somebody'), true)
})
