import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, test } from 'node:test'
import type { JWK } from 'jose'
import type { Receiver } from '../support/receiver.ts'
import { createWorld, type Platform, REDIRECT, sampleManifest } from '../support/world.ts'
import { move, postRegistration, serveFiles } from './registration.ts'

const world = await createWorld()
after(() => world[Symbol.asyncDispose]())
const platform = await world.platform()
const receiver = await world.receiver()

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

async function appsOf({ platformId }: Platform): Promise<number> {
  const [row] = await world.deps.database.read(tx =>
    tx('apps').where({ platform_id: platformId }).count({ count: '*' }),
  )
  return Number(row?.['count'])
}

test('201: the response has the client, its secrets, its registration_client_uri and its status', async () => {
  const { status, body } = await world.register(platform, receiver)
  assert.equal(status, 201)
  assert.match(body.client_id, /^app_[0-9a-z]{26}$/)
  assert.match(body.client_secret, /^[0-9A-Za-z]{32,}$/)
  assert.match(body.webhook_secret, /^whsec_[0-9A-Za-z+/]{43}=$/)
  assert.equal(typeof body['registration_access_token'], 'string')
  assert.equal(body['registration_client_uri'], `${world.url}/oauth/register/${body.client_id}`)
  assert.equal(body.status, 'draft')
  assert.equal(body['client_secret_expires_at'], 0)
  assert.ok(Math.abs(Number(body['client_id_issued_at']) - Date.now() / 1_000) < 60)
})

test('201: the response has every declared member with its effective value', async () => {
  const declared = {
    ...sampleManifest(receiver),
    client_uri: 'https://shipyard.example/',
    policy_uri: 'https://shipyard.example/privacy',
    tos_uri: 'https://shipyard.example/terms',
    setup_uri: 'https://shipyard.example/setup',
    install_uri: 'https://shipyard.example/install?from=market',
    managed_keys: [{ name: 'web', permissions: ['charges:read'] }, { name: 'worker' }],
  }
  const { body } = await world.register(platform, receiver, declared)
  for (const [name, value] of Object.entries(declared)) assert.deepEqual(body[name], value, name)
})

test('201: defaults are all three grant types, code, and one key with all permissions', async () => {
  const { body } = await world.register(platform, receiver)
  const grants = ['authorization_code', 'client_credentials', 'refresh_token']
  assert.deepEqual((body['grant_types'] as string[]).toSorted(), grants)
  assert.deepEqual(body['response_types'], ['code'])
  assert.equal(body['token_endpoint_auth_method'], 'client_secret_basic')
  assert.deepEqual(body['managed_keys'], [{ name: 'default' }])
  const bare = await world.register(platform, receiver, {
    tagline: undefined,
    description: undefined,
    categories: undefined,
  })
  assert.equal(bare.status, 201)
})

test('201: a client with a key of its own gets no secret', async () => {
  const { status, body } = await world.register(platform, receiver, { token_endpoint_auth_method: 'private_key_jwt' })
  assert.equal(status, 201)
  assert.equal('client_secret' in body, false)
  assert.equal('client_secret_expires_at' in body, false)
  assert.match(body.webhook_secret, /^whsec_/)
})

test('201: unknown members are ignored', async () => {
  const { status, body } = await world.register(platform, receiver, {
    favourite_colour: 'teal',
    'x-y': [1],
    nothing: null,
  })
  assert.equal(status, 201)
  assert.equal('favourite_colour' in body, false)
})

test('201: a status, ids and secrets sent by the client are ignored', async () => {
  const sent = {
    status: 'published',
    client_id: 'app_mine',
    client_secret: 'known beforehand, known beforehand',
    client_id_issued_at: 1,
    client_secret_expires_at: 1,
    webhook_secret: 'whsec_known',
    registration_access_token: 'known',
    registration_client_uri: 'https://evil.example/',
    platform_id: 'plat_other',
    slug: 'chosen',
    scope: 'payouts:write',
  }
  const { status, body } = await world.register(platform, receiver, sent)
  assert.equal(status, 201)
  for (const [name, value] of Object.entries(sent)) assert.notEqual(body[name], value, name)
  assert.equal(body.status, 'draft')
  const row = await world.deps.database.read(tx => tx('apps').where({ id: body.client_id }).first())
  assert.equal(row?.status, 'draft')
  assert.equal(row?.platform_id, platform.platformId)
})

test('201: with REVIEW=off an app is published at once', async () => {
  await using open = await createWorld({ env: { REVIEW: 'off' }, worker: false })
  const { body } = await open.register(await open.platform(), await open.receiver())
  assert.equal(body.status, 'published')
})

test('201: an app without managed keys needs no callback, no key and no permission', async () => {
  const { status, body } = await world.register(platform, receiver, {
    managed_keys: [],
    permissions: undefined,
    key_delivery_uri: undefined,
    jwks: undefined,
  })
  assert.equal(status, 201, JSON.stringify(body))
})

for (const encryption of ['RSA-OAEP-256', 'ECDH-ES+A256KW', 'X25519'] as const) {
  test(`201: a key of the kind ${encryption} is accepted and opens what is sealed to it`, async () => {
    const app = await world.app({ encryption })
    const installed = await world.install(await world.person(), app)
    const event = await app.receiver.waitFor('managed_key.created')
    assert.deepEqual(event.faults, [])
    assert.equal((await world.verify(event.key ?? ''))['installation_id'], installed.id)
  })
}

for (const address of [
  'http://localhost:3000/cb',
  'http://127.0.0.1/cb',
  'http://[::1]:8080/cb',
  'https://a.example/cb?x=1',
]) {
  test(`201: ${address} is accepted as redirect_uri`, async () => {
    const { status, body } = await world.register(platform, receiver, { redirect_uris: [address] })
    assert.deepEqual([status, body['redirect_uris']], [201, [address]])
  })
}

test('jwks_uri: its keys are read again at each install, also after the platform rotated them', async () => {
  const app = await world.app({ metadata: { jwks: undefined } }).catch(() => undefined)
  assert.equal(app, undefined, 'neither jwks nor jwks_uri')
  const mine = await world.receiver()
  const { status, body } = await world.register(platform, mine, { jwks: undefined, jwks_uri: mine.jwksUrl })
  assert.equal(status, 201, JSON.stringify(body))
  mine.secret = body.webhook_secret
  const before = mine.publicJwks().keys[0]?.kid
  await mine.rotateEncryptionKey('X25519')
  const page = await platform.person.browser.get(`/interaction/install/${await slugOf(body.client_id)}`)
  assert.equal((await platform.person.browser.submit(page.form(), { decision: 'install' })).status, 303)
  const event = await mine.waitFor('managed_key.created')
  assert.deepEqual(event.faults, [])
  assert.notEqual(event.body.data.encrypted_secret?.recipient_key_id, before)
  assert.equal(event.body.data.encrypted_secret?.recipient_key_id, mine.publicJwks().keys[0]?.kid)
  assert.equal((await world.verify(event.key ?? ''))['valid'], true)
})

test('jwks_uri: if it does not respond at an install, the last known keys are used', async () => {
  const mine = await world.receiver()
  const { url: callback } = await world.receiver()
  const { body } = await world.register(platform, mine, {
    jwks: undefined,
    jwks_uri: mine.jwksUrl,
    key_delivery_uri: callback,
  })
  const kid = mine.publicJwks().keys[0]?.kid
  await mine.close()
  const page = await platform.person.browser.get(`/interaction/install/${await slugOf(body.client_id)}`)
  assert.equal((await platform.person.browser.submit(page.form(), { decision: 'install' })).status, 303)
  const rows = await world.deps.database.read(tx => tx('events').where({ app_id: body.client_id }).select('body'))
  assert.ok(rows.some(row => String(row.body).includes(String(kid))))
})

async function slugOf(id: string): Promise<string> {
  const row = await world.deps.database.read(tx => tx('apps').where({ id }).first('slug'))
  return String(row?.slug)
}

const HOSTILE = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

test('logo: a copy is served from our origin, where it can neither run scripts nor load anything', async () => {
  await using files = await serveFiles({ '/logo.svg': { type: 'image/svg+xml; charset=utf-8', body: HOSTILE } })
  const { status, body } = await world.register(platform, receiver, { logo_uri: `${files.url}/logo.svg` })
  assert.equal(status, 201, JSON.stringify(body))
  await move(world, body.client_id, 'publish')
  const logo = await fetch(`${world.url}/logos/${body.client_id}`)
  assert.equal(logo.status, 200)
  assert.equal(await logo.text(), HOSTILE)
  assert.match(logo.headers.get('content-type') ?? '', /^image\/svg\+xml/)
  const policy = logo.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.match(policy, /(^|;)\s*sandbox\s*(;|$)/)
  assert.equal(logo.headers.get('x-content-type-options'), 'nosniff')
  assert.deepEqual(files.asked, ['/logo.svg'])
})

test('logo: 404 for an app without one and for an invalid id', async () => {
  const { body } = await world.register(platform, receiver)
  for (const id of [body.client_id, 'app_nonsense', '..%2f..%2fetc%2fpasswd']) {
    assert.equal((await fetch(`${world.url}/logos/${id}`)).status, 404, id)
  }
})

test('registration requires a valid registration token', async () => {
  const manifest = JSON.stringify(sampleManifest(receiver))
  const token = platform.registrationToken
  const unknown = (await world.platform()).registrationToken
  await world.deps.database.transaction(async tx => {
    const [latest] = await tx('registration_tokens').orderBy('created_at', 'desc').limit(1)
    await tx('registration_tokens').where({ token_hash: latest?.token_hash }).update({ revoked_at: 1 })
  })
  const changed = token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')
  const before = await world.deps.database.read(tx => tx('apps').count({ count: '*' }))
  for (const headers of [{}, ...[unknown, changed, 'nonsense', world.verifierKey].map(bearer)]) {
    const { status, body, headers: answered } = await postRegistration(world, manifest, headers)
    assert.deepEqual([status, body['error']], [401, 'invalid_token'])
    assert.match(answered.get('www-authenticate') ?? '', /^Bearer /)
  }
  assert.equal((await postRegistration(world, manifest, bearer(`${token} more`))).status, 400)
  assert.equal((await postRegistration(world, manifest, { authorization: `Basic ${token}` })).status, 400)
  assert.deepEqual(await world.deps.database.read(tx => tx('apps').count({ count: '*' })), before)
})

test('a registration without a token is refused before any of its URLs is fetched', async () => {
  await using files = await serveFiles({})
  const body = JSON.stringify({ ...sampleManifest(receiver), logo_uri: `${files.url}/logo.svg` })
  assert.equal((await postRegistration(world, body, bearer('nonsense'))).status, 401)
  assert.deepEqual(files.asked, [])
})

const enc = (jwk: object, more: Partial<JWK> = {}) => ({ keys: [{ ...jwk, use: 'enc', kid: 'one', ...more }] })
const rsa = (bits: number) => generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' })
const ec = (curve: string) => generateKeyPairSync('ec', { namedCurve: curve }).publicKey.export({ format: 'jwk' })
const GOOD = ec('P-256')
const PRIVATE = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
const PRIVATE_RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })

const permission = (name: string, purpose: unknown = 'To work.') => ({ name, purpose })
const ALL = [permission('charges:read'), permission('charges:write')]

/** The fault, the members that cause it, and the field that the description must name. */
const WRONG: [string, Record<string, unknown>, string][] = [
  ['no redirect_uris', { redirect_uris: undefined }, 'redirect_uris'],
  ['empty redirect_uris', { redirect_uris: [] }, 'redirect_uris'],
  ['redirect_uris that are one text', { redirect_uris: REDIRECT }, 'redirect_uris'],
  ['a redirect_uri over http', { redirect_uris: ['http://shipyard.example/cb'] }, 'redirect_uris'],
  ['a second redirect_uri over http', { redirect_uris: [REDIRECT, 'http://10.0.0.1/cb'] }, 'redirect_uris'],
  ['a redirect_uri with a fragment', { redirect_uris: ['https://shipyard.example/cb#x'] }, 'redirect_uris'],
  ['a redirect_uri with an empty fragment', { redirect_uris: ['https://shipyard.example/cb#'] }, 'redirect_uris'],
  ['a redirect_uri with credentials', { redirect_uris: ['https://a:b@shipyard.example/cb'] }, 'redirect_uris'],
  ['a loopback lookalike as redirect_uri', { redirect_uris: ['http://127.0.0.1.evil.example/cb'] }, 'redirect_uris'],
  ['a redirect_uri with a custom scheme', { redirect_uris: ['shipyard://cb'] }, 'redirect_uris'],
  ['a redirect_uri with a javascript: URL', { redirect_uris: ['javascript:alert(1)'] }, 'redirect_uris'],
  ['a relative redirect_uri', { redirect_uris: ['/cb'] }, 'redirect_uris'],
  ['a redirect_uri that is a number', { redirect_uris: [7] }, 'redirect_uris'],
  ['no key_delivery_uri', { key_delivery_uri: undefined }, 'key_delivery_uri'],
  ['a key_delivery_uri over http', { key_delivery_uri: 'http://1.1.1.1/cb' }, 'key_delivery_uri'],
  ['a private key_delivery_uri', { key_delivery_uri: 'https://10.0.0.1/cb' }, 'key_delivery_uri'],
  ['a key_delivery_uri in 172.16/12', { key_delivery_uri: 'https://172.31.255.1/cb' }, 'key_delivery_uri'],
  ['a key_delivery_uri in 192.168/16', { key_delivery_uri: 'https://192.168.1.1/cb' }, 'key_delivery_uri'],
  ['a loopback key_delivery_uri that is not allowed', { key_delivery_uri: 'https://127.0.0.2/cb' }, 'key_delivery_uri'],
  ['a cloud metadata key_delivery_uri', { key_delivery_uri: 'https://169.254.169.254/' }, 'key_delivery_uri'],
  ['a key_delivery_uri as one number', { key_delivery_uri: 'https://167772161/cb' }, 'key_delivery_uri'],
  ['a key_delivery_uri in octal', { key_delivery_uri: 'https://012.0.0.1/cb' }, 'key_delivery_uri'],
  ['an unspecified key_delivery_uri', { key_delivery_uri: 'https://0.0.0.0/cb' }, 'key_delivery_uri'],
  ['an IPv6 loopback key_delivery_uri', { key_delivery_uri: 'https://[::1]/cb' }, 'key_delivery_uri'],
  ['an IPv6 link-local key_delivery_uri', { key_delivery_uri: 'https://[fe80::1]/cb' }, 'key_delivery_uri'],
  ['an IPv6 unique local key_delivery_uri', { key_delivery_uri: 'https://[fd00::1]/cb' }, 'key_delivery_uri'],
  ['an IPv4-mapped key_delivery_uri', { key_delivery_uri: 'https://[::ffff:10.0.0.1]/cb' }, 'key_delivery_uri'],
  ['a NAT64 key_delivery_uri', { key_delivery_uri: 'https://[64:ff9b::a00:1]/cb' }, 'key_delivery_uri'],
  ['a key_delivery_uri with credentials', { key_delivery_uri: 'https://a:b@1.1.1.1/cb' }, 'key_delivery_uri'],
  ['a key_delivery_uri with a fragment', { key_delivery_uri: 'https://1.1.1.1/cb#x' }, 'key_delivery_uri'],
  ['a key_delivery_uri with a file: URL', { key_delivery_uri: 'file:///etc/passwd' }, 'key_delivery_uri'],
  ['an invalid key_delivery_uri', { key_delivery_uri: 'callback' }, 'key_delivery_uri'],
  ['neither jwks nor jwks_uri', { jwks: undefined }, 'jwks'],
  ['jwks that are no set', { jwks: [] }, 'jwks'],
  ['jwks without a key', { jwks: { keys: [] } }, 'jwks'],
  ['jwks without an encryption key', { jwks: { keys: [{ ...GOOD, use: 'sig', kid: 'one' }] } }, 'jwks'],
  ['jwks with an RSA key of 1024 bits', { jwks: enc(rsa(1024)) }, 'jwks'],
  ['jwks with an RSA key of 2040 bits', { jwks: enc(rsa(2040)) }, 'jwks'],
  ['jwks with an RSA modulus that only looks long', { jwks: enc({ ...rsa(1024), n: padded(rsa(1024).n) }) }, 'jwks'],
  ['jwks with a P-384 key', { jwks: enc(ec('P-384')) }, 'jwks'],
  ['jwks with another algorithm', { jwks: enc(GOOD, { alg: 'ECDH-ES' }) }, 'jwks'],
  ['jwks with RSA-OAEP of SHA-1', { jwks: enc(rsa(2048), { alg: 'RSA-OAEP' }) }, 'jwks'],
  ['jwks with a private EC key', { jwks: enc(PRIVATE) }, 'jwks'],
  ['jwks with a private RSA key', { jwks: enc(PRIVATE_RSA) }, 'jwks'],
  [
    'jwks with a private key beside a good one',
    { jwks: { keys: [...enc(GOOD).keys, { ...PRIVATE, kid: 'two' }] } },
    'jwks',
  ],
  ['jwks with a symmetric key', { jwks: enc({ kty: 'oct', k: 'AAAA' }) }, 'jwks'],
  ['jwks with a key without kid', { jwks: { keys: [{ ...GOOD, use: 'enc' }] } }, 'jwks'],
  ['jwks with an empty kid', { jwks: enc(GOOD, { kid: '' }) }, 'jwks'],
  ['jwks with a point that is not on the curve', { jwks: enc({ ...GOOD, x: GOOD.y }) }, 'jwks'],
  [
    'jwks with too many keys',
    { jwks: { keys: Array.from({ length: 21 }, (_, n) => ({ ...GOOD, use: 'enc', kid: `${n}` })) } },
    'jwks',
  ],
  ['jwks as text', { jwks: JSON.stringify(enc(GOOD)) }, 'jwks'],
  ['a private jwks_uri', { jwks: undefined, jwks_uri: 'https://10.0.0.1/jwks' }, 'jwks_uri'],
  ['a jwks_uri over http', { jwks: undefined, jwks_uri: 'http://1.1.1.1/jwks' }, 'jwks_uri'],
  ['a jwks_uri that does not respond', { jwks: undefined, jwks_uri: 'http://127.0.0.1:9/jwks' }, 'jwks_uri'],
  [
    'a jwks_uri that answers 404',
    { jwks: undefined, jwks_uri: receiver.url.replace('/callback', '/nothing') },
    'jwks_uri',
  ],
  ['jwks and jwks_uri', { jwks_uri: receiver.jwksUrl }, 'jwks'],
  ['a private logo_uri', { logo_uri: 'https://10.0.0.1/logo.svg' }, 'logo_uri'],
  ['a logo_uri over http', { logo_uri: 'http://1.1.1.1/logo.svg' }, 'logo_uri'],
  ['a logo_uri with a data: URL', { logo_uri: 'data:image/svg+xml,<svg/>' }, 'logo_uri'],
  ['a logo_uri that does not return an image', { logo_uri: receiver.jwksUrl }, 'logo_uri'],
  ['an unknown permission', { permissions: [permission('moon:read')] }, 'permissions[0].name'],
  ['openid as a permission', { permissions: [permission('openid')] }, 'permissions[0].name'],
  ['a duplicate permission', { permissions: [...ALL, permission('charges:read')] }, 'permissions[2].name'],
  ['a permission without a purpose', { permissions: [{ name: 'charges:read' }] }, 'permissions[0].purpose'],
  ['a permission with an empty purpose', { permissions: [permission('charges:read', '  ')] }, 'permissions[0].purpose'],
  ['permissions as texts', { permissions: ['charges:read'] }, 'permissions[0]'],
  ['no permission for the managed key', { permissions: [] }, 'permissions'],
  [
    'a managed key with a permission that is not asked for',
    { managed_keys: [{ name: 'a', permissions: ['refunds:write'] }] },
    'managed_keys[0].permissions',
  ],
  ['two managed keys of one name', { managed_keys: [{ name: 'a' }, { name: 'a' }] }, 'managed_keys[1].name'],
  [
    'a managed key with an empty list',
    { managed_keys: [{ name: 'a', permissions: [] }] },
    'managed_keys[0].permissions',
  ],
  ['a managed key without a name', { managed_keys: [{}] }, 'managed_keys[0].name'],
  ['a managed key with an empty name', { managed_keys: [{ name: '' }] }, 'managed_keys[0].name'],
  [
    'too many managed keys',
    { managed_keys: Array.from({ length: 11 }, (_, n) => ({ name: `k${n}` })) },
    'managed_keys',
  ],
  ['a setup_uri with a javascript: URL', { setup_uri: 'javascript:alert(1)' }, 'setup_uri'],
  ['an install_uri with a javascript: URL', { install_uri: 'javascript:alert(1)' }, 'install_uri'],
  ['an install_uri in capitals with a javascript: URL', { install_uri: 'JaVaScRiPt:alert(1)' }, 'install_uri'],
  ['a client_uri with a javascript: URL', { client_uri: 'javascript:alert(1)' }, 'client_uri'],
  ['a policy_uri with a data: URL', { policy_uri: 'data:text/html,x' }, 'policy_uri'],
  ['an invalid tos_uri', { tos_uri: 'terms' }, 'tos_uri'],
  ['no client_name', { client_name: undefined }, 'client_name'],
  ['an empty client_name', { client_name: '' }, 'client_name'],
  ['a client_name of spaces', { client_name: '   ' }, 'client_name'],
  ['a client_name that is too long', { client_name: 'x'.repeat(81) }, 'client_name'],
  ['a client_name of two lines', { client_name: 'Shipyard\r\nHosting' }, 'client_name'],
  ['a client_name that is a number', { client_name: 7 }, 'client_name'],
  ['a tagline that is too long', { tagline: 'x'.repeat(141) }, 'tagline'],
  ['a description that is too long', { description: 'x'.repeat(4_001) }, 'description'],
  ['categories as text', { categories: 'Hosting' }, 'categories'],
  ['too many categories', { categories: ['a', 'b', 'c', 'd', 'e', 'f'] }, 'categories'],
  ['an empty category', { categories: [''] }, 'categories[0]'],
  ['an unknown token_endpoint_auth_method', { token_endpoint_auth_method: 'magic' }, 'token_endpoint_auth_method'],
  ['no client authentication', { token_endpoint_auth_method: 'none' }, 'token_endpoint_auth_method'],
  ['an unknown grant type', { grant_types: ['authorization_code', 'password'] }, 'grant_types'],
  ['the implicit grant', { grant_types: ['implicit'], response_types: ['token'] }, 'grant_types'],
  ['grant types that are no list', { grant_types: 'authorization_code' }, 'grant_types'],
  ['an unknown response type', { response_types: ['token'] }, 'response_types'],
]

function padded(modulus: string | undefined): string {
  return Buffer.concat([Buffer.alloc(128), Buffer.from(modulus ?? '', 'base64url')]).toString('base64url')
}

for (const [what, change, field] of WRONG) {
  test(`400: ${what}: the description names ${field}, and nothing is stored`, async () => {
    const before = await appsOf(platform)
    const { status, body } = await world.register(platform, receiver, change)
    const error = field === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata'
    assert.deepEqual([status, body['error']], [400, error], JSON.stringify(body))
    assert.ok(String(body['error_description']).includes(field), String(body['error_description']))
    assert.equal(await appsOf(platform), before)
  })
}

test('400: a logo that is larger than 64 kB, is HTML, or is missing', async () => {
  await using files = await serveFiles({
    '/huge.png': { type: 'image/png', body: Buffer.alloc(65_537) },
    '/page': { type: 'text/html', body: '<script>alert(1)</script>' },
  })
  for (const path of ['/huge.png', '/page', '/nothing']) {
    const { status, body } = await world.register(platform, receiver, { logo_uri: files.url + path })
    assert.deepEqual([path, status, body['error']], [path, 400, 'invalid_client_metadata'])
    assert.match(String(body['error_description']), /logo_uri/)
  }
})

const BODIES: [string, string, Record<string, string>][] = [
  ['no JSON', '{"client_name":', {}],
  ['an array', '[]', {}],
  ['null', 'null', {}],
  ['a text', '"app"', {}],
  ['nothing', '', {}],
  ['a form', 'client_name=App', { 'content-type': 'application/x-www-form-urlencoded' }],
  ['2 MB', JSON.stringify({ client_name: 'x'.repeat(2 * 1024 * 1024) }), {}],
]
for (const [what, text, headers] of BODIES) {
  test(`400: a body that is ${what}`, async () => {
    const before = await appsOf(platform)
    const answer = await postRegistration(world, text, { ...bearer(platform.registrationToken), ...headers })
    assert.deepEqual([answer.status, answer.body['error']], [400, 'invalid_client_metadata'])
    assert.equal(typeof answer.body['error_description'], 'string')
    assert.equal(await appsOf(platform), before)
  })
}

test('400: a manifest with hostile member names has no effect on the next one', async () => {
  const text = `{"__proto__":{"status":"published"},"constructor":{"prototype":{"status":"published"}},${JSON.stringify(
    sampleManifest(receiver satisfies Receiver),
  ).slice(1)}`
  const answer = await postRegistration(world, text, bearer(platform.registrationToken))
  assert.equal(answer.status, 201)
  assert.equal(answer.body['status'], 'draft')
  assert.equal(({} as Record<string, unknown>)['status'], undefined)
})
