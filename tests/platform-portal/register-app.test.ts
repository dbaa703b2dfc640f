import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import type { Answer, Form } from '../support/browser-session.ts'
import { createWorld, type Person, REDIRECT, sampleManifest, type World } from '../support/world.ts'

const PATH = '/platform/apps/new'
const REGISTER = 'Register app'

/** The fields of a page that shows secrets once. */
function shown(answer: Answer): Map<string, string> {
  const areas = [...answer.text.matchAll(/<textarea id="([\w-]+)"[^>]*>([^<]*)<\/textarea>/g)]
  return new Map(areas.map(([, id = '', value = '']) => [id, value]))
}

const appsIn = async (world: World): Promise<number> => (await world.deps.database.knex('apps')).length

test('by form: the same app as by POST /oauth/register, its secrets shown once, and keys that arrive', async () => {
  await using world = await createWorld()
  const { person } = await world.platform()
  const receiver = await world.receiver()
  const page = await person.browser.get(PATH)
  const typed = {
    client_name: 'Kite & Crane',
    tagline: 'Ceramics',
    redirect_uri: ` ${REDIRECT} `,
    key_delivery_uri: receiver.url,
    jwks_uri: receiver.jwksUrl,
    permissions: ['charges:read', 'charges:write'],
    ...why(world, { 'charges:read': 'To look.', 'charges:write': 'To take payments.' }),
    key1: 'web',
    key2: 'reports',
    key2p: 'read',
  }
  const made = await person.browser.submit(page.form(REGISTER), typed)
  assert.equal(made.status, 200, made.text.slice(0, 3_000))
  const secrets = shown(made)
  const id = secrets.get('client-id') ?? ''
  assert.match(id, /^app_[0-9a-z]{26}$/)
  receiver.secret = secrets.get('webhook-secret')
  const client = await oauth.discovery(new URL(world.url), id, secrets.get('client-secret'), undefined, {
    execute: [oauth.allowInsecureRequests],
  })
  assert.ok((await oauth.clientCredentialsGrant(client)).access_token)
  const registration = await fetch(`${world.url}/oauth/register/${id}`, {
    headers: { authorization: `Bearer ${secrets.get('registration-access-token')}` },
  })
  const body = (await registration.json()) as Record<string, unknown>
  assert.equal(registration.status, 200)
  assert.deepEqual(body['managed_keys'], [{ name: 'web' }, { name: 'reports', permissions: ['charges:read'] }])
  assert.deepEqual(body['redirect_uris'], [REDIRECT])
  const log = await world.deps.database.knex('activity').where({ account_id: person.accountId, what: 'app.registered' })
  assert.deepEqual([log.length, log[0].actor_id, log[0].object], [1, person.userId, id])

  // Submitted twice: no second app, and the secrets are not shown again.
  const twice = await person.browser.submit(page.form(REGISTER), typed)
  assert.equal(twice.location, `${world.url}/platform/apps/${id}`)
  assert.equal(await appsIn(world), 1)
  for (const path of ['/platform', `/platform/apps/${id}`]) {
    const { text } = await person.browser.get(path)
    for (const name of ['client-secret', 'webhook-secret', 'registration-access-token'])
      assert.ok(!text.includes(secrets.get(name) ?? 'nothing'), `${name} on ${path}`)
  }
  const [, listing = ''] = /href="(\/marketplace\/kite-crane-[^"]+)"/.exec(
    (await person.browser.get(`/platform/apps/${id}`)).text,
  ) ?? ['']
  const installed = await person.browser.submit(await consentOf(person, listing), { decision: 'install' })
  assert.equal(installed.status, 303)
  assert.equal((await receiver.waitFor('managed_key.created', 2)).verified, true)
})

test('each fault is at its field, all at once, and the form keeps what was typed', async () => {
  await using world = await createWorld({ worker: false })
  const { person } = await world.platform()
  const page = await person.browser.get(PATH)
  const send = (fields: Record<string, string | string[]>) => person.browser.submit(page.form(REGISTER), fields)
  const empty = await send({})
  assert.equal(empty.status, 422)
  assert.match(empty.text, /href="#client_name">App name must not be empty\./)
  const [firstName = ''] = world.deps.config.catalog.map(({ name }) => name)
  const filled = { client_name: '"><b>Kite', permissions: [firstName], why0: 'To look.', key1: 'web' }
  const cases: [Record<string, string | string[]>, string, RegExp][] = [
    [{ permissions: [] }, 'p0', /Permissions must not be empty/],
    [{ why0: ' ' }, 'why0', /Reason for \S+ must say why/],
    [{ key_delivery_uri: '' }, 'key_delivery_uri', /Key delivery address is required for managed keys/],
    [{ key_delivery_uri: 'https://10.0.4.12/x' }, 'key_delivery_uri', /points to an address that is not public/],
    [{ key_delivery_uri: 'javascript:alert(1)' }, 'key_delivery_uri', /must be an http or https URI/],
    [{ redirect_uri: 'http://shipyard.example/' }, 'redirect_uri', /Redirect address must use https/],
    [{ jwks_uri: '' }, 'jwks_uri', /Public keys address is required for managed keys/],
    [{ key1: '' }, 'key1', /Key name must not be empty/],
    [{ key2: 'web' }, 'key2', /Key name .*named twice/],
    [{ tagline: 'x'.repeat(141) }, 'tagline', /Tagline must have 140 characters or fewer/],
  ]
  const right = {
    ...filled,
    redirect_uri: 'https://shipyard.example/back',
    key_delivery_uri: 'http://127.0.0.1:9/keys',
    jwks_uri: 'http://127.0.0.1:9/jwks',
  }
  for (const [change, id, message] of cases) {
    const typed = { ...right, ...change }
    const refused = await send(typed)
    assert.equal(refused.status, 422, id)
    assert.match(refused.text, /<title>Error: Register an app/)
    assert.match(refused.text, new RegExp(`id="${id}-error"`), JSON.stringify(change))
    assert.match(refused.text, message)
    const kept = refused.form(REGISTER).fields
    for (const [name, value] of Object.entries(typed))
      if (typeof value === 'string') assert.equal(kept[name] ?? '', value, `${name} is kept`)
    assert.doesNotMatch(refused.text, /<b>Kite/)
  }
  assert.equal(await appsIn(world), 0)
})

test('Add another key keeps everything that was typed', async () => {
  await using world = await createWorld({ worker: false })
  const { person } = await world.platform()
  const form = (await person.browser.get(PATH)).form(REGISTER)
  const more = await person.browser.submit(form, { client_name: 'Kite', key1: 'web', key1p: 'read', add: 'key' })
  assert.equal(more.status, 200)
  const { fields } = more.form(REGISTER)
  assert.deepEqual(
    [fields['client_name'], fields['key1'], fields['key1p'], fields['key2']],
    ['Kite', 'web', 'read', ''],
  )
  assert.equal(fields['id'], form.fields['id'])
})

test('from JSON: an inline JWKS is accepted, a fault is named by its path, and the text is kept', async () => {
  await using world = await createWorld()
  const { person } = await world.platform()
  const receiver = await world.receiver()
  const form = (await person.browser.get(PATH)).form('Register from JSON')
  const send = (manifest: unknown) =>
    person.browser.submit(form, { manifest: typeof manifest === 'string' ? manifest : JSON.stringify(manifest) })
  for (const [manifest, message] of [
    ['{"client_name": ', /not a JSON object/],
    ['[]', /not a JSON object/],
    [{ ...sampleManifest(receiver), permissions: [{ name: 'nothing:read', purpose: 'x' }] }, /permissions\[0\]\.name/],
    [{ ...sampleManifest(receiver), token_endpoint_auth_method: 'none' }, /token_endpoint_auth_method/],
    [{ ...sampleManifest(receiver), redirect_uris: [] }, /redirect_uris/],
  ] as const) {
    const refused = await send(manifest)
    assert.equal(refused.status, 422)
    assert.match(refused.text, message)
    const kept = refused.form('Register from JSON').fields['manifest']
    assert.equal(kept, typeof manifest === 'string' ? manifest : JSON.stringify(manifest))
  }
  const made = await send({
    ...sampleManifest(receiver),
    client_id: 'mine',
    status: 'published',
    webhook_secret: 'mine',
  })
  assert.equal(made.status, 200, made.text.slice(0, 3_000))
  assert.match(String(shown(made).get('client-id')), /^app_[0-9a-z]{26}$/)
  assert.match(String(shown(made).get('webhook-secret')), /^whsec_/)
})

test('roles: owners and admins of a publishing account; nobody registers for another publisher', async () => {
  await using world = await createWorld({ worker: false })
  const { person } = await world.platform()
  const other = await world.platform('Elsewhere')
  const receiver = await world.receiver()
  const form = (await person.browser.get(PATH)).form('Register from JSON')
  const manifest = JSON.stringify(sampleManifest(receiver))
  const made = await person.browser.submit(form, { manifest, platform: other.platformId })
  assert.equal(made.status, 200)
  assert.equal((await world.deps.database.knex('apps').where({ platform_id: other.platformId })).length, 0)
  // The id in the form only identifies the form: another's app neither changes nor is revealed by it.
  const id = shown(made).get('client-id') ?? ''
  const second = await other.person.browser.post(PATH, { manifest, id })
  assert.equal(second.status, 200)
  assert.notEqual(shown(second).get('client-id'), id)
  await world.deps.database.knex('memberships').where({ user_id: person.userId }).update({ role: 'viewer' })
  assert.equal((await person.browser.get(PATH)).status, 403)
  assert.equal((await person.browser.submit(form, { manifest })).status, 403)
  const nobody = await world.person()
  assert.equal((await nobody.browser.get(PATH)).location, `${world.url}/platform`)
  assert.equal((await nobody.browser.post(PATH, { manifest })).location, `${world.url}/platform`)
  assert.equal(await appsIn(world), 2)
})

async function consentOf({ browser }: Person, listing: string): Promise<Form> {
  return (await browser.submit((await browser.get(listing)).form('Install'))).form()
}

/** The fields of the reasons, by permission. */
function why(world: World, reasons: Record<string, string>): Record<string, string> {
  const names = world.deps.config.catalog.map(({ name }) => name)
  return Object.fromEntries(Object.entries(reasons).map(([name, reason]) => [`why${names.indexOf(name)}`, reason]))
}

test('a member who is demoted while the app’s keys are fetched is refused, and registers nothing', async () => {
  await using world = await createWorld({ worker: false })
  const { person } = await world.platform()
  const receiver = await world.receiver()
  const memberships = () => world.deps.database.knex('memberships').where({ user_id: person.userId })
  let reads = 0
  const server = createServer(async (_req, res) => {
    reads += 1
    if (reads === 2) await memberships().update({ role: 'viewer' }) // the page has checked; the registration reads again
    res.setHeader('content-type', 'application/json').end(JSON.stringify(receiver.publicJwks()))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    const form = (await person.browser.get(PATH)).form('Register from JSON')
    const { jwks: _, ...rest } = sampleManifest(receiver)
    const jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`
    const manifest = JSON.stringify({ ...rest, jwks_uri: jwksUri })
    const refused = await person.browser.submit(form, { manifest })
    assert.equal(reads, 2)
    assert.equal(refused.status, 403, refused.text.slice(0, 2_000))
    assert.equal(await appsIn(world), 0)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
