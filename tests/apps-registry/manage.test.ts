import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { basic, codeFor, exchange, introspect, post, refresh } from '../oauth/flow.ts'
import { authorizationUrl } from '../support/oauth-client.ts'
import { createWorld, type PublishedApp, REDIRECT, sampleManifest } from '../support/world.ts'
import { manage, move, serveFiles, update } from './registration.ts'

const world = await createWorld()
after(() => world[Symbol.asyncDispose]())

const permission = (name: string) => ({ name, purpose: 'To work.' })
const LESS = [permission('charges:read'), permission('customers:read')]
const MORE = [...LESS, permission('charges:write'), permission('refunds:read')]
const ALL_OF_SAMPLE = ['charges:read', 'charges:write', 'customers:read']

function stored(id: string) {
  return world.deps.database.read(async tx => {
    const app = await tx('apps').where({ id }).first()
    const versions = await tx('app_versions').where({ app_id: id }).orderBy('number')
    return { app: app as Record<string, unknown> | undefined, versions: versions as Record<string, unknown>[] }
  })
}

async function permissionsOf(installationId: string): Promise<string[]> {
  const row = await world.deps.database.read(tx =>
    tx('installations').where({ id: installationId }).first('permissions'),
  )
  return JSON.parse(String(row?.permissions))
}

/** The permissions on a new consent page. */
async function offered(app: PublishedApp): Promise<string[]> {
  const person = await world.person()
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const page = await person.browser.follow(await person.browser.get(url.href))
  const { catalog } = world.deps.config
  return catalog.filter(({ sentence }) => page.text.includes(sentence)).map(({ name }) => name)
}

test('GET returns what was registered, and never a secret', async () => {
  const app = await world.app()
  const { status, body, headers } = await manage(app.registered, 'GET')
  assert.equal(status, 200)
  assert.equal(headers.get('cache-control'), 'no-store')
  for (const secret of ['webhook_secret', 'client_secret']) assert.equal(secret in body, false)
  assert.equal(body['status'], 'published')
  for (const name of ['client_id', 'registration_access_token', 'registration_client_uri', 'permissions'])
    assert.deepEqual(body[name], app.registered[name], name)
  for (const [name, value] of Object.entries(sampleManifest(app.receiver))) assert.deepEqual(body[name], value, name)
})

test('a wrong or missing token, or that of another app, reads, changes and deletes nothing', async () => {
  const [app, other] = [await world.app(), await world.app()]
  const body = { ...sampleManifest(app.receiver), client_id: app.id, client_name: 'Taken over' }
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    const theirs = (await world.app()).registered
    const tokens = [
      'nonsense',
      app.platform.registrationToken,
      app.registered.client_secret,
      String(theirs['registration_access_token']),
      String(other.registered['registration_access_token']),
    ]
    for (const token of tokens) {
      const answer = await manage(app.registered, method, { token, ...(method === 'PUT' && { body }) })
      assert.deepEqual([answer.status, answer.body['error']], [401, 'invalid_token'])
      assert.equal(answer.body['client_name'], undefined)
    }
    const without = await fetch(String(app.registered['registration_client_uri']), { method })
    assert.equal(without.status, 401)
  }
  assert.equal((await manage(app.registered, 'GET')).body['client_name'], 'Shipyard Hosting')
})

test('an unknown app responds like a wrong token', async () => {
  const app = await world.app()
  const nowhere = { ...app.registered, registration_client_uri: `${world.url}/oauth/register/app_${'0'.repeat(26)}` }
  const [unknown, wrong] = [
    await manage(nowhere, 'GET', { token: 'nonsense' }),
    await manage(app.registered, 'GET', { token: 'nonsense' }),
  ]
  assert.deepEqual([unknown.status, unknown.body], [wrong.status, wrong.body])
})

test('PUT makes a version and keeps the secrets; addresses change at once', async () => {
  const app = await world.app()
  const { status, body } = await update(app, {
    client_name: 'Shipyard Two',
    redirect_uris: ['https://two.example/cb'],
    client_secret: app.registered.client_secret,
  })
  assert.equal(status, 200, JSON.stringify(body))
  assert.equal(body['client_name'], 'Shipyard Two')
  for (const secret of ['webhook_secret', 'client_secret']) assert.equal(secret in body, false)
  const { app: row, versions } = await stored(app.id)
  assert.deepEqual(
    [versions.length, row?.['version'], row?.['latest_version'], row?.['status']],
    [2, 2, 2, 'published'],
  )
  assert.equal((await manage(app.registered, 'GET')).body['client_name'], 'Shipyard Two')
  const { browser } = await world.person()
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  assert.equal((await browser.follow(await browser.get(url.href))).status, 400)
})

test('eight simultaneous PUTs make eight versions', async () => {
  const app = await world.app()
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => update(app, { tagline: `Number ${index}` })),
  )
  assert.deepEqual(
    answers.map(({ status }) => status),
    Array(8).fill(200),
  )
  const { versions, app: row } = await stored(app.id)
  assert.deepEqual(
    versions.map(({ number }) => number),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  assert.equal(row?.['latest_version'], 9)
})

test('an invalid PUT is 400, names the field, and makes no version', async () => {
  const app = await world.app()
  const wrong: [Record<string, unknown>, string][] = [
    [{ key_delivery_uri: 'https://10.0.0.1/cb' }, 'key_delivery_uri'],
    [{ jwks: undefined }, 'jwks'],
    [{ permissions: [permission('moon:read')] }, 'permissions[0].name'],
    ...[undefined, null, '', 5, 'app_other'].map((id): [Record<string, unknown>, string] => [
      { client_id: id },
      'client_id',
    ]),
    ...['registration_access_token', 'registration_client_uri', 'client_id_issued_at', 'client_secret_expires_at'].map(
      (name): [Record<string, unknown>, string] => [{ [name]: app.registered[name] }, name],
    ),
    [{ client_secret: 'another' }, 'client_secret'],
    [{ redirect_uris: ['http://shipyard.example/'] }, 'redirect_uris'],
  ]
  for (const [change, field] of wrong) {
    const { status, body } = await update(app, change)
    assert.equal(status, 400)
    assert.equal(body['error'], field === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata')
    assert.ok(String(body['error_description']).includes(field), String(body['error_description']))
  }
  assert.equal((await stored(app.id)).versions.length, 1)
})

test('PUT cannot publish, change the webhook secret, or move the app to another platform', async () => {
  const app = await world.app({ draft: true })
  const other = await world.platform()
  const { status } = await update(app, {
    status: 'published',
    webhook_secret: 'whsec_known',
    platform_id: other.platformId,
  })
  assert.equal(status, 200)
  const { app: row } = await stored(app.id)
  assert.deepEqual([row?.['status'], row?.['platform_id']], ['draft', app.platform.platformId])
  const before = app.receiver.events.length
  await world.install(app.platform.person, app)
  assert.equal((await app.receiver.waitFor('managed_key.created')).verified, true, 'signed with the first secret')
  assert.ok(app.receiver.events.length > before)
})

test('a client that switches to a key of its own loses its secret; one that switches back gets a new one', async () => {
  const app = await world.app()
  const turned = await update(app, { token_endpoint_auth_method: 'private_key_jwt' })
  assert.equal(turned.status, 200, JSON.stringify(turned.body))
  assert.equal('client_secret' in turned.body, false)
  const credentials = { grant_type: 'client_credentials' }
  assert.equal((await post(`${world.url}/oauth/token`, credentials, basic(app))).status, 401)
  const back = await update(app)
  assert.equal(typeof back.body['client_secret'], 'string')
  assert.notEqual(back.body['client_secret'], app.registered.client_secret)
  const secret = String(back.body['client_secret'])
  assert.equal((await post(`${world.url}/oauth/token`, credentials, basic(app, secret))).status, 200)
})

test('PUT without a logo removes the logo', async () => {
  await using files = await serveFiles({ '/logo.png': { type: 'image/png', body: Buffer.from('png') } })
  const app = await world.app({ metadata: { logo_uri: `${files.url}/logo.png` } })
  assert.equal((await fetch(`${world.url}/logos/${app.id}`)).status, 200)
  assert.equal((await update(app)).status, 200)
  assert.equal((await fetch(`${world.url}/logos/${app.id}`)).status, 404)
})

test('fewer permissions: active installations and their keys lose them at once, and the platform gets an event', async () => {
  const app = await world.app()
  const installed = await world.install(await world.person(), app)
  const narrow = await world.install(await world.person(), app, { scope: 'charges:read' })
  const { key } = await app.receiver.waitFor('managed_key.created')
  assert.equal((await world.verify(key ?? '', { permission: 'charges:write' }))['valid'], true)
  assert.equal((await update(app, { permissions: LESS })).status, 200)
  const verdict = await world.verify(key ?? '', { permission: 'charges:write' })
  assert.deepEqual(verdict, { valid: false, code: 'insufficient_permissions' })
  const still = await world.verify(key ?? '', { permission: 'charges:read' })
  assert.deepEqual(still['permissions'], ['charges:read', 'customers:read'])
  assert.deepEqual(await permissionsOf(installed.id), ['charges:read', 'customers:read'])
  assert.deepEqual(await permissionsOf(narrow.id), ['charges:read'])
  const event = await app.receiver.waitFor('installation.updated')
  assert.equal(event.verified, true)
  assert.equal(event.body.data.installation?.id, installed.id)
  assert.deepEqual(event.body.data['permissions'], ['charges:read', 'customers:read'])
  await world.deliver()
  const updates = app.receiver.events.filter(({ type }) => type === 'installation.updated')
  assert.equal(updates.length, 1, 'no event for an installation that never had the permission')
  assert.deepEqual((await offered(app)).toSorted(), ['charges:read', 'customers:read'])
})

test('fewer permissions: tokens of an active installation lose the scope after a refresh', async () => {
  const app = await world.app()
  const { tokens } = await world.install(await world.person(), app)
  const code = await codeFor(await world.person(), app)
  assert.equal((await update(app, { permissions: LESS })).status, 200)
  const before = await introspect(world, app, tokens.access_token)
  assert.deepEqual(String(before['scope']).split(' ').toSorted(), ['charges:read', 'customers:read'])
  const exchanged = await post(`${world.url}/oauth/token`, exchange(code), basic(app))
  assert.deepEqual(String(exchanged.body['scope']).split(' ').toSorted(), ['charges:read', 'customers:read'])
  const { status, body } = await post(`${world.url}/oauth/token`, refresh(tokens.refresh_token), basic(app))
  assert.equal(status, 200)
  const [detail] = body['authorization_details'] as Record<string, unknown>[]
  assert.deepEqual(detail?.['permissions'], ['charges:read', 'customers:read'])
  assert.deepEqual(String(body['scope']).split(' ').toSorted(), ['charges:read', 'customers:read'])
  const seen = await introspect(world, app, body['access_token'])
  assert.doesNotMatch(String(seen['scope']), /charges:write/)
  await update(app)
  await move(world, app.id, 'publish')
  const again = await post(`${world.url}/oauth/token`, refresh(body['refresh_token']), basic(app))
  assert.deepEqual(
    again.body['authorization_details'],
    body['authorization_details'],
    'a permission that was removed does not return',
  )
  assert.doesNotMatch(String(again.body['scope']), /charges:write/)
})

test('fewer permissions during deliveries: the update succeeds, and every installation gets the event', async () => {
  const app = await world.app()
  const people = await Promise.all(Array.from({ length: 5 }, () => world.person()))
  const installed = await Promise.all(people.map(person => world.install(person, app)))
  assert.equal((await update(app, { permissions: LESS })).status, 200)
  for (const { id } of installed) assert.deepEqual(await permissionsOf(id), ['charges:read', 'customers:read'])
  await app.receiver.waitFor('installation.updated', 5)
  const told = app.receiver.events.filter(({ type }) => type === 'installation.updated')
  assert.equal(new Set(told.map(({ body }) => body.data.installation?.id)).size, 5)
})

test('more permissions: a published app keeps its current version until the operator publishes', async () => {
  const app = await world.app()
  const installed = await world.install(await world.person(), app)
  const { key } = await app.receiver.waitFor('managed_key.created')
  const { status, body } = await update(app, { permissions: MORE })
  assert.equal(status, 200)
  assert.deepEqual(body['permissions'], MORE)
  const waiting = await stored(app.id)
  assert.deepEqual([waiting.app?.['version'], waiting.app?.['latest_version']], [1, 2])
  assert.deepEqual(await permissionsOf(installed.id), ALL_OF_SAMPLE)
  assert.deepEqual((await offered(app)).toSorted(), ALL_OF_SAMPLE)
  const meanwhile = await world.install(await world.person(), app)
  assert.deepEqual(meanwhile.permissions, ALL_OF_SAMPLE)

  await move(world, app.id, 'publish')
  assert.deepEqual((await offered(app)).toSorted(), [...ALL_OF_SAMPLE, 'refunds:read'])
  assert.deepEqual(await permissionsOf(installed.id), ALL_OF_SAMPLE, 'nobody consented to more')
  assert.equal((await world.verify(key ?? '', { permission: 'refunds:read' }))['valid'], false)
  const later = await world.install(await world.person(), app)
  assert.deepEqual(later.permissions.toSorted(), [...ALL_OF_SAMPLE, 'refunds:read'])
  assert.equal(
    app.receiver.events.some(({ type }) => type === 'installation.updated'),
    false,
  )
})

test('more permissions: requesting them in scope is invalid_scope until the operator publishes', async () => {
  const app = await world.app()
  assert.equal((await update(app, { permissions: MORE })).status, 200)
  const ask = async () => {
    const { browser } = await world.person()
    const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT, scope: 'refunds:read' })
    return await browser.follow(await browser.get(url.href))
  }
  assert.equal(new URL((await ask()).location ?? '').searchParams.get('error'), 'invalid_scope')
  await move(world, app.id, 'publish')
  assert.equal((await ask()).status, 200)
})

test('more permissions for a suspended app wait for the operator too', async () => {
  const app = await world.app()
  await move(world, app.id, 'suspend')
  assert.equal((await update(app, { permissions: MORE })).status, 200)
  await move(world, app.id, 'resume')
  assert.equal((await stored(app.id)).app?.['version'], 1)
  assert.deepEqual((await offered(app)).toSorted(), ALL_OF_SAMPLE)
})

test('some added and some removed: the removal takes effect at once, also for new installations', async () => {
  const app = await world.app()
  const before = await world.install(await world.person(), app)
  const { status } = await update(app, { permissions: [...LESS, permission('refunds:read')] })
  assert.equal(status, 200)
  assert.deepEqual(await permissionsOf(before.id), ['charges:read', 'customers:read'])
  assert.deepEqual((await offered(app)).toSorted(), ['charges:read', 'customers:read'])
  const meanwhile = await world.install(await world.person(), app)
  assert.deepEqual(meanwhile.permissions, ['charges:read', 'customers:read'])
  await move(world, app.id, 'publish')
  assert.deepEqual((await offered(app)).toSorted(), ['charges:read', 'customers:read', 'refunds:read'])
})

test('every update of a draft takes effect at once', async () => {
  const app = await world.app({ draft: true })
  assert.equal((await update(app, { permissions: MORE })).status, 200)
  assert.equal((await stored(app.id)).app?.['version'], 2)
  assert.equal((await world.install(app.platform.person, app)).permissions.length, 4)
})

test('a consent page drawn for an older version is shown again and installs nothing', async () => {
  const app = await world.app()
  const person = await world.person()
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const page = await person.browser.follow(await person.browser.get(url.href))
  assert.equal((await update(app, { permissions: MORE })).status, 200)
  await move(world, app.id, 'publish')
  const again = await person.browser.submit(page.form(), { decision: 'install' })
  assert.equal(again.status, 422)
  assert.match(again.text, /changed its request/)
})

test('DELETE retires the app: it uninstalls everywhere, expires keys, notifies the platform and removes the client', async () => {
  const app = await world.app()
  const people = [await world.person(), await world.person()]
  const installed = [
    await world.install(people[0] ?? assert.fail(), app),
    await world.install(people[1] ?? assert.fail(), app),
  ]
  const keys = [await app.receiver.waitFor('managed_key.created'), await app.receiver.waitFor('managed_key.created', 2)]
  await world.deliver()
  const { status, body } = await manage(app.registered, 'DELETE')
  assert.deepEqual([status, body], [204, {}])
  for (const { key } of keys) assert.deepEqual(await world.verify(key ?? ''), { valid: false, code: 'expired' })
  const told = [
    await app.receiver.waitFor('installation.uninstalled'),
    await app.receiver.waitFor('installation.uninstalled', 2),
  ]
  for (const event of told) {
    assert.equal(event.verified, true)
    assert.deepEqual(
      event.body.data.keys?.map(({ outcome }) => outcome),
      ['expired'],
    )
  }
  assert.deepEqual(
    told.map(event => event.body.data.installation?.id).toSorted(),
    installed.map(({ id }) => id).toSorted(),
  )
  assert.equal((await stored(app.id)).app?.['status'], 'retired')
  for (const method of ['GET', 'DELETE'] as const) assert.equal((await manage(app.registered, method)).status, 401)
  assert.equal((await update(app)).status, 401)
  const credentials = await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials' }, basic(app))
  assert.deepEqual([credentials.status, credentials.body['error']], [401, 'invalid_client'])
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const page = await people[0]?.browser.follow((await people[0]?.browser.get(url.href)) ?? assert.fail())
  assert.deepEqual([page?.status, page?.location], [400, undefined])
})

test('concurrent changes and deletions: the app is retired, and later requests learn that the token has ended', async () => {
  const app = await world.app()
  const answers = await Promise.all(
    [1, 2, 3, 4, 5, 6, 7, 8].map(turn => (turn % 2 ? manage(app.registered, 'DELETE') : update(app))),
  )
  const statuses = answers.map(({ status }) => status)
  assert.ok(statuses.includes(204), statuses.join())
  assert.ok(
    statuses.every(status => [200, 204, 401].includes(status)),
    statuses.join(),
  )
  assert.equal((await stored(app.id)).app?.['status'], 'retired')
})

test('DELETE expires kept keys and those of the other mode, and no keys of another app', async () => {
  const [app, other] = [await world.app(), await world.app()]
  const person = await world.person()
  const kept = await world.install(person, app)
  await world.install(person, app, { extra: { mode: 'test' } })
  await world.install(person, other)
  const [first, second] = [
    await app.receiver.waitFor('managed_key.created'),
    await app.receiver.waitFor('managed_key.created', 2),
  ]
  const foreign = await other.receiver.waitFor('managed_key.created')
  await world.deliver()
  const page = await person.browser.get(`/apps/${kept.id}/uninstall`)
  await person.browser.submit(page.form('uninstall'), { keys: 'keep' })
  assert.equal((await world.verify(first.key ?? ''))['valid'], true)
  await manage(app.registered, 'DELETE')
  for (const { key } of [first, second]) assert.equal((await world.verify(key ?? ''))['code'], 'expired')
  assert.equal((await world.verify(foreign.key ?? ''))['valid'], true)
})
