import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { authorizationUrl, exchangeCode } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const app = await world.app()
const metadata = app.client.serverMetadata() as unknown as Record<string, unknown>

/**
 * Each member of the metadata that concerns the authorization endpoint, and the test that covers it. A member that is
 * missing here, or a value without a test, fails.
 */
const OFFERS: Record<string, unknown> = {
  response_types_supported: ['code'],
  response_modes_supported: ['form_post', 'fragment', 'query'], // also tests/browser/redirect-chains.test.ts
  prompt_values_supported: ['none', 'login', 'consent', 'select_account', 'create'], // tests/oauth/prompts.test.ts
  subject_types_supported: ['public'],
  claim_types_supported: ['normal'],
  claims_supported: ['sub', 'auth_time', 'iss'],
  claims_parameter_supported: false,
  request_uri_parameter_supported: false,
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
  authorization_details_types_supported: ['installation'], // tests/oauth/code-flow.test.ts
}

/**
 * Members for other endpoints, covered by `metadata.test.ts`, `clients.test.ts`, `tokens.test.ts` and `replay.test.ts`.
 */
const ELSEWHERE =
  /^(issuer|jwks_uri|.*_endpoint|grant_types_supported|scopes_supported|id_token_signing_alg_values_supported|dpop_signing_alg_values_supported|.*_auth_methods_supported|.*_auth_signing_alg_values_supported)$/

test('every member of the metadata for the authorization endpoint is covered by a test', () => {
  for (const [name, value] of Object.entries(metadata)) {
    if (!ELSEWHERE.test(name)) assert.deepEqual(value, OFFERS[name], name)
  }
  for (const name of Object.keys(OFFERS)) assert.ok(name in metadata, name)
})

/** Reads the response of each mode as an OAuth client does. */
const READ: Record<
  string,
  (answer: { location: string | undefined; text: string; form(): { fields: object } }) => string
> = {
  query: ({ location = '' }) => location,
  fragment: ({ location = '' }) => location.replace('#', '?'),
  form_post: answer => `${REDIRECT}?${new URLSearchParams({ ...answer.form().fields })}`,
}

for (const mode of metadata['response_modes_supported'] as string[]) {
  test(`response_mode=${mode}: code and refusal reach the client, with state and iss`, async () => {
    const { browser } = await world.person()
    for (const decision of ['install', 'cancel']) {
      const request = await authorizationUrl(app.client, {
        redirectUri: REDIRECT,
        scope: 'charges:read',
        extra: { response_mode: mode },
      })
      const page = await browser.follow(await browser.get(request.url.href))
      const chosen = page.text.includes('is installed already') && decision === 'install' ? 'continue' : decision
      const answer = await browser.follow(await browser.submit(page.form('/interaction/'), { decision: chosen }))
      const back = new URL(READ[mode]?.(answer) ?? '')
      assert.deepEqual([back.origin + back.pathname, back.searchParams.get('iss')], [REDIRECT, world.url])
      if (decision === 'install') assert.ok((await exchangeCode(app.client, request, back)).access_token)
      else assert.equal(back.searchParams.get('error'), 'access_denied')
    }
  })
}

test('an unsupported response mode is refused by query', async () => {
  const { browser } = await world.person()
  for (const response_mode of ['web_message', 'jwt', 'query.jwt', 'nonsense']) {
    const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT, extra: { response_mode } })
    const { location = '' } = await browser.get(url.href)
    assert.equal(new URL(location).searchParams.get('error'), 'unsupported_response_mode', response_mode)
  }
})
