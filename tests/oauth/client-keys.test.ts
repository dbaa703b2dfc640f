import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { createWorld } from '../support/world.ts'
import { post } from './flow.ts'
import { ASSERTION_TYPE } from './proofs.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())

type Signer = { key: CryptoKey; jwk: JWK }
async function signer(kid: string): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  return { key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, use: 'sig', alg: 'ES256' } }
}

/** A client whose jwks_uri counts its requests. */
async function client() {
  const receiver = await world.receiver()
  const [encryption] = receiver.publicJwks().keys
  const [first, second] = [await signer('first'), await signer('second')]
  const behind = { keys: [first.jwk], asked: 0, status: 200, control: undefined as string | undefined }
  const server = createServer((_req, res) => {
    behind.asked += 1
    if (behind.control) res.setHeader('cache-control', behind.control)
    res.writeHead(behind.status).end(JSON.stringify({ keys: [encryption, ...behind.keys] }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close().closeAllConnections())
  const { status, body } = await world.register(await world.platform(), receiver, {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: undefined,
    jwks_uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
  })
  assert.equal(status, 201, JSON.stringify(body))
  behind.asked = 0
  const use = async ({ key, jwk }: Signer, kid = jwk.kid ?? '') => {
    const now = Math.floor(world.clock.now() / 1_000)
    const assertion = await new SignJWT({})
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(body.client_id)
      .setSubject(body.client_id)
      .setAudience(world.url)
      .setJti(crypto.randomUUID())
      .setIssuedAt(now)
      .setExpirationTime(now + 60)
      .sign(key)
    const proof = { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion }
    return (await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials', ...proof })).status
  }
  return { behind, use, first, second }
}

/** Advances only the monotonic time of the world's clock: the time of day is the system's. */
function pass(ms: number): void {
  world.clock.advance(ms)
  world.clock.set(-ms)
}

/**
 * Advances the system's time and the world's clock together: the authorization server checks `exp` by the system's
 * time.
 */
async function later<Result>(
  t: { mock: { timers: typeof test.mock.timers } },
  ms: number,
  work: () => Promise<Result>,
) {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + ms })
  pass(ms)
  try {
    return await work()
  } finally {
    pass(-ms)
    t.mock.timers.reset()
  }
}

test('a new key is read at once, also under the kid of another; known keys are not read again', async () => {
  const { behind, use, first, second } = await client()
  for (let count = 0; count < 3; count += 1) assert.equal(await use(first), 200)
  assert.equal(behind.asked, 1)
  behind.keys = [second.jwk]
  assert.equal(await use(second), 200)
  assert.equal(await use(first), 401, 'gone with that read')
  behind.keys = [{ ...first.jwk, kid: 'second' }]
  assert.equal(await use(first, 'second'), 200)
})

test('random kids cause no more reads than the client’s budget, and delay a new key only briefly', async t => {
  const { behind, use, first, second } = await client()
  assert.equal(await use(first), 200)
  const tries = Array.from({ length: 60 }, (_, index) => use(second, `random-${index}`))
  assert.deepEqual(new Set(await Promise.all(tries)), new Set([401]))
  assert.ok(behind.asked <= 6, String(behind.asked))
  assert.equal(await use(first), 200, 'the known key keeps working')
  behind.keys = [first.jwk, second.jwk]
  assert.equal(await later(t, 10_000, () => use(second)), 200)
})

test('a removed key is refused within ten minutes, and sooner if Cache-Control says so', async t => {
  const { behind, use, first, second } = await client()
  assert.equal(await use(first), 200)
  behind.keys = [second.jwk]
  assert.equal(await later(t, 9 * 60_000, () => use(first)), 200)
  assert.equal(await later(t, 10 * 60_000, () => use(first)), 401)
  const brief = await client()
  brief.behind.control = 'public, max-age=30'
  assert.equal(await brief.use(brief.first), 200)
  brief.behind.keys = []
  assert.equal(await later(t, 31_000, () => brief.use(brief.first)), 401)
})

test('a clock set back neither keeps a removed key alive nor restores the budget', async t => {
  const { behind, use, first, second } = await client()
  assert.equal(await use(first), 200)
  await Promise.all(Array.from({ length: 10 }, (_, index) => use(second, `random-${index}`)))
  behind.keys = [second.jwk]
  await later(t, -24 * 60 * 60_000, async () => {
    pass(24 * 60 * 60_000 + 10 * 60_000)
    assert.equal(await use(first), 401)
    assert.equal(await use(second), 200)
    pass(-24 * 60 * 60_000 - 10 * 60_000)
  })
})

test('while jwks_uri does not respond, the last known keys count for an hour', async t => {
  const { behind, use, first } = await client()
  assert.equal(await use(first), 200)
  behind.status = 500
  assert.equal(await later(t, 59 * 60_000, () => use(first)), 200)
  assert.equal(await later(t, 61 * 60_000, () => use(first)), 401)
  behind.status = 200
  assert.equal(await later(t, 62 * 60_000, () => use(first)), 200)
})

test('an unregistered client causes no read', async () => {
  const { behind, second } = await client()
  const assertion = await new SignJWT({ iss: 'app_none', sub: 'app_none', aud: world.url, jti: 'x', exp: 2 ** 31 })
    .setProtectedHeader({ alg: 'ES256', kid: 'none' })
    .sign(second.key)
  const proof = { client_assertion_type: ASSERTION_TYPE, client_assertion: assertion }
  assert.equal((await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials', ...proof })).status, 401)
  assert.equal(behind.asked, 0)
})
