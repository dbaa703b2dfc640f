import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createApp } from '../../server/app.ts'
import { routesOf } from '../support/routes.ts'
import { createWorld, type Person, type PublishedApp, sampleManifest, type World } from '../support/world.ts'

const NUL = '\0'
const DEEP = '['.repeat(20_000) + ']'.repeat(20_000)
const b64 = (text: string) => Buffer.from(text).toString('base64url')
const assertion = (header: object, payload: object | string) =>
  `${b64(JSON.stringify(header))}.${b64(typeof payload === 'string' ? payload : JSON.stringify(payload))}.${b64('x')}`

type Sent = {
  method?: string
  path: string
  headers?: Record<string, string>
  json?: string
  form?: [string, string][]
}
type Scene = { world: World; app: PublishedApp; person: Person; token: string; installation: string; key: string }

async function prepare(world: World): Promise<Scene> {
  const app = await world.app()
  const person = await world.person()
  const { id, tokens } = await world.install(person, app)
  const token = String(tokens['access_token'])
  const answer = await fetch(`${world.url}/v1/installations/${id}/keys`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { data } = (await answer.json()) as { data: { id: string }[] }
  return { world, app, person, token, installation: id, key: data[0]?.id ?? '' }
}

async function send(
  { world, person }: Scene,
  { method = 'POST', path, headers = {}, json, form }: Sent,
): Promise<Response> {
  const type = json !== undefined ? 'application/json' : form && 'application/x-www-form-urlencoded'
  const body = json ?? (form && new URLSearchParams(form).toString())
  const given =
    /^(?:\/admin)?\/v1/.test(path) || path.startsWith('/oauth/') ? {} : { cookie: person.browser.cookieHeader('/') }
  return await fetch(`${world.url}${path}`, {
    method,
    redirect: 'manual',
    signal: AbortSignal.timeout(10_000),
    headers: { ...(type && { 'content-type': type }), 'sec-fetch-site': 'same-origin', ...given, ...headers },
    ...(body !== undefined && { body }),
  })
}

/** Every input of the server, with `value` in the tried position. */
function borders(scene: Scene, value: string): Record<string, Sent> {
  const { app, token, installation, key, world } = scene
  const bearer = { authorization: `Bearer ${token}` }
  const once = { ...bearer, 'idempotency-key': `k${value.length}` }
  const registration = { authorization: `Bearer ${app.platform.registrationToken}` }
  const verifier = { authorization: `Bearer ${world.verifierKey}` }
  const own = { authorization: `Bearer ${app.registered['registration_access_token']}` }
  const manifest = sampleManifest(app.receiver)
  const json = (body: object) => ({ json: JSON.stringify(body) })
  const form = (fields: Record<string, string>): { form: [string, string][] } => ({ form: Object.entries(fields) })
  const client = { client_id: app.id, client_secret: app.registered.client_secret }
  const query = (fields: Record<string, string>) => new URLSearchParams(fields).toString()
  const jwt = assertion({ alg: 'RS256', kid: value }, { iss: value, sub: value, jti: value, aud: world.url })
  const authorize = { client_id: app.id, response_type: 'code', redirect_uri: 'http://127.0.0.1:9/callback' }
  const jwk = { ...(manifest['jwks'] as { keys: object[] }).keys[0], kid: value }
  return {
    'mint: name': { path: `/v1/installations/${installation}/keys`, headers: bearer, ...json({ name: value }) },
    'mint: note': {
      path: `/v1/installations/${installation}/keys`,
      headers: once,
      ...json({ name: 'a', note: value }),
    },
    'mint: permission': {
      path: `/v1/installations/${installation}/keys`,
      headers: bearer,
      ...json({ name: 'a', permissions: [value] }),
    },
    'rotate: reason': { path: `/v1/keys/${key}/rotate`, headers: bearer, ...json({ reason: value }) },
    'expire: anything': { path: `/v1/keys/${key}/rotate`, headers: once, ...json({ x: { [value]: value } }) },
    'path of /v1': {
      method: 'GET',
      path: `/v1/installations/${encodeURIComponent(value.toWellFormed())}`,
      headers: bearer,
    },
    'cursor of /v1': { method: 'GET', path: `/v1/installations?${query({ cursor: value })}`, headers: bearer },
    'after of /v1': { method: 'GET', path: `/v1/events?${query({ after: value, limit: value })}`, headers: bearer },
    'verify: key': { path: '/v1/keys/verify', headers: verifier, ...json({ key: value }) },
    'verify: permission': { path: '/v1/keys/verify', headers: verifier, ...json({ key: 'a', permission: value }) },
    leaks: { path: '/v1/leaks', ...json({ tokens: [value] }) },
    'register: name': { path: '/oauth/register', headers: registration, ...json({ ...manifest, client_name: value }) },
    'register: text': { path: '/oauth/register', headers: registration, ...json({ ...manifest, description: value }) },
    'register: software': {
      path: '/oauth/register',
      headers: registration,
      ...json({ ...manifest, software_id: value }),
    },
    'register: unknown': {
      path: '/oauth/register',
      headers: registration,
      ...json({ ...manifest, more: { [value]: 1 } }),
    },
    'register: kid': {
      path: '/oauth/register',
      headers: registration,
      ...json({ ...manifest, jwks: { keys: [jwk] } }),
    },
    'register: path': {
      method: 'GET',
      path: `/oauth/register/${encodeURIComponent(value.toWellFormed())}`,
      headers: own,
    },
    update: {
      method: 'PUT',
      path: `/oauth/register/${app.id}`,
      headers: own,
      ...json({ ...manifest, client_id: app.id, tagline: value }),
    },
    'token: client': {
      path: '/oauth/token',
      ...form({ ...client, client_id: value, grant_type: 'client_credentials' }),
    },
    'token: secret': {
      path: '/oauth/token',
      ...form({ ...client, client_secret: value, grant_type: 'client_credentials' }),
    },
    'token: code': {
      path: '/oauth/token',
      ...form({ ...client, grant_type: 'authorization_code', code: value, code_verifier: value, redirect_uri: value }),
    },
    'token: refresh': {
      path: '/oauth/token',
      ...form({ ...client, grant_type: 'refresh_token', refresh_token: value }),
    },
    'token: scope': {
      path: '/oauth/token',
      ...form({ ...client, grant_type: 'client_credentials', scope: value, resource: value }),
    },
    'token: Basic': {
      path: '/oauth/token',
      headers: { authorization: `Basic ${btoa(`${encodeURIComponent(value.toWellFormed())}:x`)}` },
      ...form({ grant_type: 'client_credentials' }),
    },
    'token: assertion': {
      path: '/oauth/token',
      ...form({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: jwt,
      }),
    },
    'token: proof': {
      path: '/oauth/token',
      headers: { dpop: assertion({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty: value } }, { jti: value }) },
      ...form({ ...client, grant_type: 'client_credentials' }),
    },
    introspect: { path: '/oauth/introspect', ...form({ ...client, token: value, token_type_hint: value }) },
    revoke: { path: '/oauth/revoke', ...form({ ...client, token: value }) },
    par: { path: '/oauth/par', ...form({ ...client, ...authorize, state: value, nonce: value, login_hint: value }) },
    'par: details': {
      path: '/oauth/par',
      ...form({ ...client, ...authorize, authorization_details: JSON.stringify([{ type: value }]) }),
    },
    authorize: { method: 'GET', path: `/oauth/authorize?${query({ ...authorize, state: value, login_hint: value })}` },
    'authorize: client': { method: 'GET', path: `/oauth/authorize?${query({ ...authorize, client_id: value })}` },
    'authorize: pushed': {
      method: 'GET',
      path: `/oauth/authorize?${query({ client_id: app.id, request_uri: value })}`,
    },
    'authorize: hint': {
      method: 'GET',
      path: `/oauth/authorize?${query({ ...authorize, scope: 'openid', id_token_hint: jwt, claims: value })}`,
    },
    'authorize: posted': { path: '/oauth/authorize', ...form({ ...authorize, state: value }) },
    marketplace: { method: 'GET', path: `/marketplace?${query({ q: value, category: value })}` },
    listing: { method: 'GET', path: `/marketplace/${encodeURIComponent(value.toWellFormed())}` },
    interaction: { method: 'GET', path: `/interaction/${encodeURIComponent(value.toWellFormed())}` },
    'sign-in': { path: '/signin', ...form({ email: value, password: value }) },
    'sign-up': { path: '/signup', ...form({ email: 'a@b.example', password: value, account_name: value }) },
    'restricted key': {
      path: '/keys/new',
      ...form({ name: value, note: value, mode: 'live', permissions: 'charges:read', addresses: value }),
    },
    'keys: filter': { method: 'GET', path: `/keys?${query({ before: value, q: value, app: value, mode: value })}` },
    logo: { method: 'GET', path: `/logos/${encodeURIComponent(value.toWellFormed())}` },
    platform: { path: '/platform', ...form({ name: value }) },
    manifest: { path: '/platform/apps/new', ...form({ manifest: JSON.stringify({ client_name: value }) }) },
    'user agent': {
      method: 'GET',
      path: '/apps',
      headers: { 'user-agent': value.replaceAll(/[^\t\x20-\xff]/g, '\x9b') },
    },
  }
}

test('NUL, lone surrogates and deeply nested JSON are refused or harmless in every input', async t => {
  await using world = await createWorld({ worker: false })
  const scene = await prepare(world)
  for (const [what, value] of [
    ['NUL', `a${NUL}b`],
    ['a lone high surrogate', 'a\ud83d'],
  ] as const) {
    for (const [border, sent] of Object.entries(borders(scene, value))) {
      await t.test(`${what}: ${border}`, async () => {
        const answer = await send(scene, sent)
        assert.ok(answer.status < 500, `${answer.status} ${await answer.text()}`)
        if (sent.json?.includes('\\u') && !border.startsWith('verify') && border !== 'register: unknown')
          assert.ok(answer.status >= 400, `${answer.status}`)
      })
    }
  }
  for (const [border, sent] of Object.entries(borders(scene, 'DEEP'))) {
    if (sent.json === undefined && !sent.form?.some(([, value]) => value === 'DEEP')) continue
    await t.test(`deep: ${border}`, async () => {
      const json = sent.json?.replace('"DEEP"', DEEP)
      const form = sent.form?.map(([name, value]): [string, string] => [name, value === 'DEEP' ? DEEP : value])
      const answer = await send(scene, { ...sent, ...(json && { json }), ...(form && { form }) })
      assert.ok(answer.status < 500, `${answer.status} ${await answer.text()}`)
      if (json?.includes(DEEP)) assert.ok(answer.status >= 400)
    })
  }
  assert.deepEqual(
    world.logs.filter(line => line.includes('"level":"error"')),
    [],
  )
})

test('the member at fault is named', async () => {
  await using world = await createWorld({ worker: false })
  const scene = await prepare(world)
  const all = borders(scene, `a${NUL}b`)
  const minted = await send(scene, all['mint: note'] as Sent)
  const problem = (await minted.json()) as { errors: { field: string; message: string }[] }
  assert.deepEqual(problem.errors, [{ field: 'note', message: 'must not contain NUL or an unpaired surrogate' }])
  const registered = await send(scene, all['register: kid'] as Sent)
  const { error, error_description } = (await registered.json()) as Record<string, string>
  assert.equal(error, 'invalid_client_metadata')
  assert.match(error_description ?? '', /^jwks\.keys\[0\]\.kid must not contain NUL/)
})

const PIECES = [
  '',
  NUL,
  '%00',
  '..',
  '%2e%2e',
  '__proto__',
  'constructor',
  '\ud83d',
  '💥',
  '\u202e',
  '[',
  '{"a":',
  '"',
  '\\',
  "'",
  '<',
  '9'.repeat(40),
  '-1',
  '1e999',
  'null',
  'true',
  'a'.repeat(3_000),
  '\r\n',
  ';',
  '*',
  'é',
  'on',
]

test('no route responds to odd input with a 500', async () => {
  await using world = await createWorld({ worker: false })
  const scene = await prepare(world)
  const oauth = [
    'token',
    'par',
    'register',
    'revoke',
    'introspect',
    'userinfo',
    'authorize',
    'jwks',
    `register/${scene.app.id}`,
  ]
  const routes = [
    ...routesOf(createApp(world.deps)),
    ...oauth.flatMap(name => ['GET', 'POST', 'PUT', 'DELETE'].map(method => ({ method, path: `/oauth/${name}` }))),
  ]
  const usable = routes.filter(({ path, method }) => method !== 'HEAD' && !/signout|readyz/.test(path))
  const word = fc.oneof(
    fc.constantFrom(...PIECES),
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.constantFrom(scene.app.id, scene.installation, scene.key),
  )
  const names = fc.constantFrom(
    'name',
    'note',
    'client_id',
    'state',
    'cursor',
    'before',
    'limit',
    'email',
    'password',
    'permissions',
    'mode',
    'token',
    'code',
    'grant_type',
    'q',
    'keys',
    'until',
    'form',
    'account',
    'jwks',
    'decision',
    'platform',
    'manifest',
    'add',
  )
  const members = fc.array(
    fc.tuple(
      fc.oneof(names, word),
      fc.oneof(
        word,
        fc.jsonValue().map(value => JSON.stringify(value)),
      ),
    ),
    { maxLength: 5 },
  )
  const request = fc.record({
    route: fc.constantFrom(...usable),
    words: fc.array(word, { minLength: 4, maxLength: 4 }),
    query: members,
    body: members,
    kind: fc.constantFrom('json', 'form', 'raw', 'none'),
    authorized: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(request, async ({ route, words, query, body, kind, authorized }) => {
      let at = 0
      const path = route.path.replaceAll(/\{?[:*](\w+)\}?/g, () =>
        encodeURIComponent((words[at++ % 4] ?? '').toWellFormed()),
      )
      const sent: Sent = {
        method: route.method,
        path: query.length > 0 ? `${path}?${new URLSearchParams(query)}` : path,
        headers: authorized ? { authorization: `Bearer ${scene.token}` } : {},
        ...(route.method !== 'GET' && kind === 'json' && { json: JSON.stringify(Object.fromEntries(body)) }),
        ...(route.method !== 'GET' && kind === 'raw' && { json: body.flat().join('') }),
        ...(route.method !== 'GET' && kind === 'form' && { form: body }),
      }
      const answer = await send(scene, sent)
      assert.ok(answer.status < 500, `${answer.status} ${JSON.stringify(sent)} ${await answer.text()}`)
    }),
    { numRuns: 400, interruptAfterTimeLimit: 2_000 },
  )
})
