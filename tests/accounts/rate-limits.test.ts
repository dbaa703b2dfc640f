import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, createBrowserSession } from '../support/browser-session.ts'
import { createWorld, PASSWORD, type World } from '../support/world.ts'

const LIMITED = { RATE_LIMITS: 'on', TRUST_PROXY: '1' }
const WRONG = 'not the right sentence'

/** Signs in as somebody behind the address. */
function attempt(world: World, email: string, password: string, address: string): Promise<Answer> {
  return createBrowserSession(world.url).post('/signin', { email, password }, { 'x-forwarded-for': address })
}

function assertLimited(answer: Answer, most: number): void {
  assert.equal(answer.status, 429)
  const seconds = Number(answer.headers['retry-after'])
  assert.ok(seconds >= 1 && seconds <= most, `Retry-After: ${seconds}`)
  assert.match(answer.text, /Too many requests/)
}

test('429: ten wrong passwords for one e-mail, from wherever, and the right one has to wait too', async () => {
  await using world = await createWorld({ env: { RATE_LIMITS: 'off' } })
  await using limited = await createWorld({ env: LIMITED })
  for (const one of [world, limited]) {
    const fields = { account_name: 'Harbor Books', email: 'ada@example.com', password: PASSWORD }
    assert.equal((await createBrowserSession(one.url).post('/signup', fields)).status, 303)
  }
  const emails = ['ada@example.com', 'ADA@example.com']
  for (let count = 0; count < 10; count += 1) {
    assert.equal((await attempt(limited, emails[count % 2] ?? '', WRONG, `198.51.100.${count}`)).status, 422)
    assert.equal((await attempt(world, 'ada@example.com', WRONG, `198.51.100.${count}`)).status, 422)
  }
  assertLimited(await attempt(limited, 'ada@example.com', PASSWORD, '198.51.100.99'), 900)
  assert.equal((await attempt(world, 'ada@example.com', PASSWORD, '198.51.100.99')).status, 303)
  assert.equal((await attempt(limited, 'eve@example.com', WRONG, '198.51.100.99')).status, 422)
})

test('429: thirty attempts from one address, whatever the e-mail; others are not held up', async () => {
  await using world = await createWorld({ env: LIMITED })
  const tries = Array.from({ length: 30 }, (_, count) => attempt(world, `p${count}@example.com`, WRONG, '198.51.100.1'))
  assert.deepEqual(new Set((await Promise.all(tries)).map(({ status }) => status)), new Set([422]))
  assertLimited(await attempt(world, 'p31@example.com', WRONG, '198.51.100.1'), 300)
  assert.equal((await attempt(world, 'p31@example.com', WRONG, '198.51.100.2')).status, 422)
})

test('303: whoever signs in rightly is never held up by their own sign-ins', async () => {
  await using world = await createWorld({ env: LIMITED })
  const fields = { account_name: 'Harbor Books', email: 'ada@example.com', password: PASSWORD }
  await createBrowserSession(world.url).post('/signup', fields)
  for (let count = 0; count < 12; count += 1)
    assert.equal((await attempt(world, 'ada@example.com', PASSWORD, `198.51.100.${count}`)).status, 303)
})

test('429: an address that claims to be many stays one, where no proxy is trusted', async () => {
  await using world = await createWorld({ env: { RATE_LIMITS: 'on' } })
  const tries = Array.from({ length: 31 }, (_, count) =>
    attempt(world, `p${count}@example.com`, WRONG, `198.51.100.${count}`),
  )
  const statuses = (await Promise.all(tries)).map(({ status }) => status)
  assert.equal(statuses.filter(status => status === 429).length, 1)
})

test('429: twenty sign-ups from one address in an hour; a form with mistakes costs nothing', async () => {
  await using world = await createWorld({ env: LIMITED })
  const signUp = (count: number, password: string) =>
    createBrowserSession(world.url).post(
      '/signup',
      { account_name: 'Harbor Books', email: `p${count}@example.com`, password },
      { 'x-forwarded-for': '198.51.100.1' },
    )
  for (let count = 0; count < 5; count += 1) assert.equal((await signUp(count, 'short')).status, 422)
  const answers = await Promise.all(Array.from({ length: 20 }, (_, count) => signUp(count, PASSWORD)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([303]))
  assertLimited(await signUp(20, PASSWORD), 3_600)
})
