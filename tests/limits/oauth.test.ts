import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientCredentialsGrant } from 'openid-client'
import { networkOf } from '../../server/base/addresses.ts'
import type { LimitName } from '../../server/limits/limits.ts'
import { sweepOpenRequests } from '../../server/oauth/sweep-open-requests.ts'
import { basic, post } from '../oauth/flow.ts'
import { createProofs } from '../oauth/proofs.ts'
import { authorizationUrl } from '../support/oauth-client.ts'
import { createWorld, type PublishedApp, REDIRECT, sampleManifest, type World } from '../support/world.ts'

const LIMITED = { RATE_LIMITS: 'on', TRUST_PROXY: '1' }
const HERE = '198.51.100.1'
const ELSEWHERE = '203.0.113.1'

async function spend(world: World, name: LimitName, key: string, times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) await world.deps.limits.trySpend(name, key)
}

/** Requests a client-credentials token, with the app's secret or a wrong one. */
async function askToken(world: World, app: PublishedApp, secret: string, address: string): Promise<Response> {
  const basic = Buffer.from(`${app.id}:${secret}`).toString('base64')
  return await fetch(`${world.url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}`, 'x-forwarded-for': address },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
}

function assertLimited(answer: { status: number; headers: Headers }): void {
  assert.equal(answer.status, 429)
  assert.ok(Number(answer.headers.get('retry-after')) >= 1)
}

test('429: authorization requests of one address; people signed in there, and other addresses, are served', async () => {
  await using world = await createWorld({ worker: false, env: LIMITED })
  const [app, person] = [await world.app(), await world.person()]
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const open = (headers: Record<string, string>) => fetch(url, { redirect: 'manual', headers })
  await spend(world, 'authorize', HERE, 119)
  assert.equal((await open({ 'x-forwarded-for': HERE })).status, 303)
  const refused = await open({ 'x-forwarded-for': HERE })
  assertLimited(refused)
  assert.match(await refused.text(), /Too many requests/)
  assert.equal((await open({ 'x-forwarded-for': ELSEWHERE })).status, 303)
  const cookie = person.browser.cookieHeader('/')
  assert.equal((await open({ 'x-forwarded-for': HERE, cookie })).status, 303)
  await spend(world, 'authorize', person.userId, 120)
  assertLimited(await open({ 'x-forwarded-for': HERE, cookie }))
})

test('429: a proxy that adds ports, brackets or a zone to addresses gives no connection a limit of its own', async () => {
  for (const [trusted, after] of [
    ['1', ''],
    ['127.0.0.1/32,10.0.0.0/8', ', 10.0.0.1:4711'],
  ] as const) {
    await using world = await createWorld({ worker: false, env: { ...LIMITED, TRUST_PROXY: trusted } })
    const app = await world.app()
    const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
    const open = (forwarded: string) =>
      fetch(url, { redirect: 'manual', headers: { 'x-forwarded-for': `192.0.2.1, ${forwarded}${after}` } })
    await spend(world, 'authorize', HERE, 120)
    await spend(world, 'authorize', networkOf('2001:db8::7'), 120)
    const spellings = [HERE, `${HERE}:1`, `${HERE}:65535`, `::ffff:${HERE}`, `[::ffff:${HERE}]:9`]
    for (const forwarded of [...spellings, '2001:db8::7', '[2001:db8::8]', '[2001:DB8::9]:443', '2001:db8::7%eth0'])
      assertLimited(await open(forwarded))
    assert.equal((await open(`${ELSEWHERE}:1`)).status, 303)
  }
})

test('429: failures count for the address, successes for the app; a stranger who names an app uses up none of its limit', async () => {
  await using world = await createWorld({ worker: false, env: LIMITED })
  const app = await world.app()
  const secret = app.registered.client_secret
  await spend(world, 'oauth_address', HERE, 598)
  for (let count = 0; count < 5; count += 1) assert.equal((await askToken(world, app, secret, HERE)).status, 200)
  for (let count = 0; count < 2; count += 1) assert.equal((await askToken(world, app, 'wrong', HERE)).status, 401)
  const refused = await askToken(world, app, 'wrong', HERE)
  assertLimited(refused)
  assert.deepEqual(await refused.json(), { error: 'temporarily_unavailable', error_description: 'Too many requests' })
  assert.equal((await askToken(world, app, secret, ELSEWHERE)).status, 200)
  await spend(world, 'oauth_app', app.id, 1_200)
  const spent = await askToken(world, app, secret, ELSEWHERE)
  assertLimited(spent)
  assert.deepEqual(await spent.json(), { error: 'temporarily_unavailable', error_description: 'too many requests' })
  assert.equal((await askToken(world, await world.app(), secret, ELSEWHERE)).status, 401)
})

test('429: an app without calls left at /v1 is refused before its proof is stored', async () => {
  await using world = await createWorld({ worker: false, env: LIMITED })
  const [app, proofs] = [await world.app(), await createProofs()]
  const dpop = await proofs.make('POST', `${world.url}/oauth/token`)
  const { body } = await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials' }, { ...basic(app), dpop })
  const accessToken = String(body['access_token'])
  const address = `${world.url}/v1/installations`
  const call = async () =>
    await fetch(address, {
      headers: { authorization: `DPoP ${accessToken}`, dpop: await proofs.make('GET', address, { accessToken }) },
    })
  const stored = async () => {
    const proofs = { model: 'ReplayDetection' }
    return (await world.deps.database.read(tx => tx('oauth_records').where(proofs).select('id_hash'))).length
  }
  await spend(world, 'api', app.id, 1_199)
  assert.equal((await call()).status, 200)
  const before = await stored()
  assertLimited(await call())
  assert.equal(await stored(), before)
})

test('429: new versions of one app, before any lookup in the network, for any holder of its token', async () => {
  await using world = await createWorld({ worker: false, env: LIMITED })
  const app = await world.app()
  const { registration_client_uri: uri, registration_access_token: token } = app.registered
  const put = (address: string) =>
    fetch(String(uri), {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-forwarded-for': address },
      body: JSON.stringify({ ...sampleManifest(app.receiver), client_id: app.id }),
    })
  await spend(world, 'update_app', app.id, 59)
  assert.equal((await put(HERE)).status, 200)
  let asked = 0
  const { check } = world.deps.outbound
  world.deps.outbound.check = async url => {
    asked += 1
    return await check(url)
  }
  assertLimited(await put(ELSEWHERE))
  assert.equal(asked, 0)
})

test('429: apps of one platform, however they are registered', async () => {
  await using world = await createWorld({ worker: false, env: LIMITED })
  const [platform, receiver] = [await world.platform(), await world.receiver()]
  await spend(world, 'register_platform', platform.platformId, 59)
  assert.equal((await world.register(platform, receiver)).status, 201)
  assert.equal((await world.register(platform, receiver)).status, 429)
  const page = await platform.person.browser.get('/platform/apps/new')
  const answer = await platform.person.browser.post('/platform/apps/new', {
    ...page.form('/platform/apps/new').fields,
    manifest: JSON.stringify(sampleManifest(receiver)),
  })
  assert.equal(answer.status, 429)
})

test('429: restricted keys of one person, made or rotated', async () => {
  await using world = await createWorld({ worker: false, env: LIMITED })
  const { browser, userId } = await world.person()
  await spend(world, 'new_keys', userId, 59)
  const make = async () => {
    const page = await browser.get('/keys/new')
    return await browser.submit(page.form('/keys/new'), { name: 'till', permissions: 'charges:read', mode: 'test' })
  }
  assert.equal((await make()).status, 201)
  const refused = await make()
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers['retry-after']) > 60)
})

test('400: an authorization request that is too long is not stored', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const count = async () =>
    Number(
      (await world.deps.database.knex('oauth_records').where({ model: 'Interaction' }).count({ n: '*' }))[0]?.['n'],
    )
  const { url } = await authorizationUrl(app.client, {
    redirectUri: REDIRECT,
    extra: { login_hint: 'n'.repeat(4_000) },
  })
  const answer = await fetch(url, { redirect: 'manual' })
  assert.match(answer.headers.get('location') ?? '', /error=invalid_request&error_description=[^&]*4000/)
  assert.equal(await count(), 0)
})

test('pending requests are bounded: the earliest to expire go first, and expired ones go within a minute', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const open = async () => {
    const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
    await fetch(url, { redirect: 'manual' })
  }
  const rows = () => world.deps.database.knex('oauth_records').where({ model: 'Interaction' })
  for (let count = 0; count < 3; count += 1) await open()
  world.clock.advance(60_000)
  for (let count = 0; count < 2; count += 1) await open()
  const newest: string[] = await rows().orderBy('expires_at', 'desc').limit(2).pluck('id_hash')
  const next = await sweepOpenRequests(world.deps, 2)
  assert.deepEqual(new Set(await rows().pluck('id_hash')), new Set(newest))
  assert.ok(next - world.clock.now() <= 60_000)
  world.clock.advance(30 * 60_000)
  await sweepOpenRequests(world.deps)
  assert.equal((await rows()).length, 0)
})

test('versions: the newest hundred of an app are kept, and the current one', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const { knex } = world.deps.database
  const [first] = await knex('app_versions').where({ app_id: app.id })
  const more = Array.from({ length: 149 }, (_, index) => ({ ...first, number: index + 2 }))
  await knex('app_versions').insert(more)
  await knex('apps').where({ id: app.id }).update({ latest_version: 150 })
  const { registration_client_uri: uri, registration_access_token: token } = app.registered
  const manifest = sampleManifest(app.receiver)
  const answer = await fetch(String(uri), {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...manifest,
      permissions: [...(manifest['permissions'] as object[]), { name: 'refunds:read', purpose: 'To refund.' }],
      client_id: app.id,
    }),
  })
  assert.equal(answer.status, 200)
  const kept: number[] = await knex('app_versions').where({ app_id: app.id }).orderBy('number').pluck('number')
  assert.deepEqual([kept.length, kept[0], kept[1], kept.at(-1)], [101, 1, 52, 151])
  assert.equal((await clientCredentialsGrant(app.client)).token_type, 'bearer')
})
