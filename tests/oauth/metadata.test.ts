import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { request } from 'undici'
import { createWorld } from '../support/world.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())

const DOCUMENTS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']

async function metadata(path: string, headers: Record<string, string> = {}): Promise<Record<string, unknown>> {
  const answer = await request(world.url + path, { headers })
  assert.equal(answer.statusCode, 200)
  return (await answer.body.json()) as Record<string, unknown>
}

for (const path of DOCUMENTS) {
  test(`${path}: has every endpoint under the issuer`, async () => {
    const found = await metadata(path)
    const endpoints = {
      issuer: world.url,
      authorization_endpoint: `${world.url}/oauth/authorize`,
      token_endpoint: `${world.url}/oauth/token`,
      pushed_authorization_request_endpoint: `${world.url}/oauth/par`,
      registration_endpoint: `${world.url}/oauth/register`,
      revocation_endpoint: `${world.url}/oauth/revoke`,
      introspection_endpoint: `${world.url}/oauth/introspect`,
      jwks_uri: `${world.url}/oauth/jwks`,
      userinfo_endpoint: `${world.url}/oauth/userinfo`,
    }
    for (const [name, address] of Object.entries(endpoints)) assert.equal(found[name], address, name)
  })

  test(`${path}: offers the code flow with PKCE S256 and iss, and nothing weaker`, async () => {
    const found = await metadata(path)
    assert.deepEqual(found['response_types_supported'], ['code'])
    assert.deepEqual(found['code_challenge_methods_supported'], ['S256'])
    assert.equal(found['authorization_response_iss_parameter_supported'], true)
    const grants = found['grant_types_supported'] as string[]
    assert.deepEqual(grants.toSorted(), ['authorization_code', 'client_credentials', 'refresh_token'])
    assert.deepEqual(found['id_token_signing_alg_values_supported'], ['ES256'])
    assert.deepEqual(found['authorization_details_types_supported'], ['installation'])
  })

  test(`${path}: lists DPoP algorithms, client authentication and the catalog's permissions as scopes`, async () => {
    const found = await metadata(path)
    assert.ok((found['dpop_signing_alg_values_supported'] as string[]).includes('ES256'))
    assert.ok((found['token_endpoint_auth_signing_alg_values_supported'] as string[]).includes('ES256'))
    for (const endpoint of ['token', 'introspection', 'revocation']) {
      const methods = found[`${endpoint}_endpoint_auth_methods_supported`] as string[]
      assert.deepEqual(methods.toSorted(), ['client_secret_basic', 'client_secret_post', 'private_key_jwt'], endpoint)
    }
    const scopes = found['scopes_supported'] as string[]
    for (const scope of ['openid', 'offline_access', ...world.deps.config.catalog.map(({ name }) => name)])
      assert.ok(scopes.includes(scope), scope)
  })

  test(`${path}: URLs come from PUBLIC_URL, whatever the Host of the request`, async () => {
    const plain = await metadata(path)
    const lies = { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' }
    assert.deepEqual(await metadata(path, lies), plain)
    assert.deepEqual(await metadata(path, { forwarded: 'host=evil.example;proto=https' }), plain)
  })
}

test('both documents are equal', async () => {
  const [first, second] = await Promise.all(DOCUMENTS.map(path => metadata(path)))
  assert.deepEqual(first, second)
})

test('the registration_client_uri comes from PUBLIC_URL as well', async () => {
  const platform = await world.platform()
  const receiver = await world.receiver()
  const { body } = await world.register(platform, receiver)
  const address = `${world.url}/oauth/register/${body.client_id}`
  assert.equal(body['registration_client_uri'], address)
  const answer = await request(address, {
    headers: { authorization: `Bearer ${body['registration_access_token']}`, host: 'evil.example' },
  })
  assert.equal(((await answer.body.json()) as Record<string, unknown>)['registration_client_uri'], address)
})

test('the published signing keys have no private part', async () => {
  const { keys } = (await metadata('/oauth/jwks')) as { keys: Record<string, unknown>[] }
  assert.ok(keys.length > 0)
  for (const key of keys) {
    assert.deepEqual([key['kty'], key['crv'], key['use'], key['alg']], ['EC', 'P-256', 'sig', 'ES256'])
    assert.equal(key['d'], undefined)
  }
})
