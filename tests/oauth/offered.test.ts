import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { exportJWK, generateKeyPair } from 'jose'
import * as openid from 'openid-client'
import { authorizationUrl, discover, exchangeCode } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'
import { approve, post } from './flow.ts'
import { assertion } from './proofs.ts'

/** A real client uses everything that the metadata offers at the token endpoint and beside it. */

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const metadata = (await (await fetch(`${world.url}/.well-known/openid-configuration`)).json()) as Record<
  string,
  string[]
>

/** Uses every grant and endpoint of an authenticated client. */
async function useEverything(config: openid.Configuration): Promise<void> {
  const request = await openid.buildAuthorizationUrlWithPAR(config, {
    redirect_uri: REDIRECT,
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  })
  assert.ok(request.searchParams.has('request_uri'))
  const { access_token: token } = await openid.clientCredentialsGrant(config)
  assert.equal((await openid.tokenIntrospection(config, token)).active, true)
  await openid.tokenRevocation(config, token)
  assert.equal((await openid.tokenIntrospection(config, token)).active, false)
}

test('every authentication method works at every endpoint that lists it', async () => {
  for (const method of metadata['token_endpoint_auth_methods_supported'] ?? []) {
    const { id, registered, receiver } = await world.app({ metadata: { token_endpoint_auth_method: method } })
    const ways: Record<string, () => openid.ClientAuth> = {
      client_secret_basic: () => openid.ClientSecretBasic(registered.client_secret),
      client_secret_post: () => openid.ClientSecretPost(registered.client_secret),
      private_key_jwt: () => openid.PrivateKeyJwt(receiver.privateSigningKey),
    }
    const authentication = ways[method]?.()
    assert.ok(authentication, method)
    await useEverything(await discover(world.url, { clientId: id, authentication }))
  }
  for (const endpoint of ['introspection', 'revocation']) {
    const [methods, algs] = ['methods', 'signing_alg_values'].map(
      name => metadata[`${endpoint}_endpoint_auth_${name}_supported`],
    )
    assert.deepEqual(methods, metadata['token_endpoint_auth_methods_supported'])
    assert.deepEqual(algs, metadata['token_endpoint_auth_signing_alg_values_supported'])
  }
})

test('assertions are accepted in every listed algorithm', async () => {
  for (const alg of metadata['token_endpoint_auth_signing_alg_values_supported'] ?? []) {
    const pair = await generateKeyPair(alg, { extractable: true })
    const receiver = await world.receiver()
    const own = { ...(await exportJWK(pair.publicKey)), kid: 'own', use: 'sig', alg }
    const { status, body } = await world.register(await world.platform(), receiver, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [...receiver.publicJwks().keys, own] },
    })
    assert.equal(status, 201, JSON.stringify(body))
    const signer = { ...receiver, privateSigningKey: { key: pair.privateKey, kid: 'own', alg } }
    const proof = await assertion(body.client_id, signer, world.url)
    const answer = await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials', ...proof })
    assert.equal(answer.status, 200, `${alg}: ${JSON.stringify(answer.body)}`)
  }
})

test('every listed grant, scope and claim is granted', async () => {
  assert.deepEqual(metadata['grant_types_supported'], ['authorization_code', 'refresh_token', 'client_credentials'])
  const permissions = world.deps.config.catalog.map(({ name }) => ({ name, purpose: 'To work.' }))
  const app = await world.app({ metadata: { permissions } })
  const scope = (metadata['scopes_supported'] ?? []).join(' ')
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT, scope, extra: { max_age: '3600' } })
  const tokens = await exchangeCode(app.client, request, await approve(await world.person(), request.url))
  assert.equal(tokens.scope, scope)
  for (const claim of metadata['claims_supported'] ?? []) assert.ok(tokens.claims()?.[claim] !== undefined, claim)
  const next = await openid.refreshTokenGrant(app.client, tokens.refresh_token ?? '')
  assert.equal(next.scope, scope)
})
