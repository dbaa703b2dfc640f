import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { basic, codeFor, exchange, type JsonAnswer, jsonOf, post, secondsLater } from './flow.ts'
import { createProofs, type ProofOptions, type Proofs } from './proofs.ts'

const now = Math.floor(Date.now() / 1_000)

const ACCEPTED: [string, ProofOptions][] = [
  ['a current proof', {}],
  ['made five minutes ago, as clocks may differ', { claims: { iat: now - 280 } }],
  ['made five minutes ahead', { claims: { iat: now + 280 } }],
  [
    'a long jti',
    {
      get jti() {
        return randomUUID() + 'x'.repeat(2_000)
      },
    },
  ],
  ['members that nobody knows', { claims: { note: { a: 1 } } }],
]
const REFUSED: [string, ProofOptions][] = [
  ['made six minutes ago', { claims: { iat: now - 360 } }],
  ['made six minutes ahead', { claims: { iat: now + 400 } }],
  ['iat as a text', { claims: { iat: String(now) } }],
  ['no iat', { claims: { iat: undefined } }],
  ['exp that has passed', { claims: { exp: now - 10 } }],
  ['nbf that is to come', { claims: { nbf: now + 400 } }],
  ['an object as jti', { jti: { a: 1 } }],
  ['a list as jti', { jti: ['x'] }],
  ['a number as jti', { jti: 7 }],
  ['an empty jti', { jti: '' }],
  ['no jti', { claims: { jti: undefined } }],
  ['an unknown nonce', { claims: { nonce: 'x' } }],
  ['another method', { claims: { htm: 'DELETE' } }],
  ['another address', { claims: { htu: 'https://elsewhere.example/' } }],
  ['an invalid address', { claims: { htu: { a: 1 } } }],
  ['another typ', { header: { typ: 'jwt' } }],
  ['no key', { header: { jwk: undefined } }],
  ['an invalid key', { header: { jwk: { kty: 'EC' } } }],
]

describe('DPoP proofs follow one rule at the token endpoint, at userinfo and at /v1', () => {
  let world: World
  let app: PublishedApp
  let proofs: Proofs
  let accessToken: string
  before(async () => {
    world = await createWorld({ worker: false })
    app = await world.app()
    proofs = await createProofs()
    const code = await codeFor(await world.person(), app, { scope: 'openid' })
    const dpop = await proofs.make('POST', `${world.url}/oauth/token`)
    accessToken = String(
      (await post(`${world.url}/oauth/token`, exchange(code), { ...basic(app), dpop })).body['access_token'],
    )
  })
  after(() => world[Symbol.asyncDispose]())

  /** The response of each of the three to a proof made for it. */
  async function everywhere(options: ProofOptions, by = proofs): Promise<Record<string, JsonAnswer>> {
    const token = `${world.url}/oauth/token`
    const dpop = await by.make('POST', token, options)
    const answers = { token: await post(token, { grant_type: 'client_credentials' }, { ...basic(app), dpop }) }
    return { ...answers, ...(await opened(options, by)) }
  }
  async function opened(options: ProofOptions, by = proofs): Promise<Record<string, JsonAnswer>> {
    const answers: Record<string, JsonAnswer> = {}
    for (const [name, path] of Object.entries({ userinfo: '/oauth/userinfo', api: '/v1/installations' }))
      answers[name] = await show(path, await by.make('GET', world.url + path, { accessToken, ...options }))
    return answers
  }
  const show = async (path: string, dpop: string) =>
    jsonOf(await fetch(world.url + path, { headers: { authorization: `DPoP ${accessToken}`, dpop } }))

  for (const [what, options] of ACCEPTED) {
    test(`accepted: ${what}`, async () => {
      for (const [where, { status, body }] of Object.entries(await everywhere(options)))
        assert.equal(status, 200, `${where}: ${JSON.stringify(body)}`)
    })
  }
  for (const [what, options] of REFUSED) {
    test(`refused: ${what}`, async () => {
      const { token, userinfo, api } = await everywhere(options)
      assert.deepEqual([token?.status, token?.body['error']], [400, 'invalid_dpop_proof'])
      assert.deepEqual([userinfo?.status, userinfo?.body['error']], [401, 'invalid_dpop_proof'])
      assert.deepEqual([api?.status, api?.body['code']], [401, 'unauthorized'])
      for (const answer of [userinfo, api])
        assert.match(answer?.headers.get('www-authenticate') ?? '', /DPoP .*error="invalid_dpop_proof".*algs=/)
    })
  }

  test('a proof requires its access token, and the key that the token is bound to', async () => {
    const thief = await createProofs()
    const { userinfo, api } = await opened({ claims: { ath: 'of another' } })
    assert.deepEqual([userinfo?.status, api?.status], [401, 401])
    for (const { status } of Object.values(await opened({}, thief))) assert.equal(status, 401)
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const answers = await everywhere({ header: { jwk: await exportJWK(privateKey) } })
    assert.deepEqual(
      Object.values(answers).map(({ status }) => status),
      [400, 401, 401],
    )
  })

  test('the URL is compared in normal form, without query and fragment (RFC 9449 §4.3)', async () => {
    const path = '/v1/installations'
    const address = `${world.url.replace('http:', 'HTTP:')}/v1/../v1/installations?limit=1#part`
    const dpop = await proofs.make('GET', address, { accessToken })
    assert.equal((await show(`${path}?limit=2`, dpop)).status, 200)
  })

  test('a proof is accepted once, also one at the far end of the window for as long as it is valid', async t => {
    for (const path of ['/oauth/userinfo', '/v1/installations']) {
      const dpop = await proofs.make('GET', world.url + path, { accessToken, claims: { iat: now + 290 } })
      assert.equal((await show(path, dpop)).status, 200)
      assert.equal((await show(path, dpop)).status, 401)
      await secondsLater(t, 500, async () => {
        await world.deps.database.transaction(async tx => {
          await tx('oauth_records').where('expires_at', '<=', world.clock.now()).delete()
        })
        assert.equal((await show(path, dpop)).status, 401)
      })
    }
  })

  test('tokens can be bound by every algorithm in the metadata, and work at userinfo and /v1', async () => {
    const metadata = await jsonOf(await fetch(`${world.url}/.well-known/openid-configuration`))
    const algorithms = metadata.body['dpop_signing_alg_values_supported'] as string[]
    assert.deepEqual(algorithms, ['ES256', 'Ed25519', 'EdDSA'])
    for (const alg of algorithms) {
      const by = await createProofs(alg)
      const dpop = await by.make('POST', `${world.url}/oauth/token`)
      const fields = { grant_type: 'client_credentials' }
      const { body } = await post(`${world.url}/oauth/token`, fields, { ...basic(app), dpop })
      const headers = {
        authorization: `DPoP ${body['access_token']}`,
        dpop: await by.make('GET', `${world.url}/v1/installations`, { accessToken: String(body['access_token']) }),
      }
      assert.equal((await fetch(`${world.url}/v1/installations`, { headers })).status, 200, alg)
    }
  })
})
