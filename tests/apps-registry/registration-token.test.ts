import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { basic, post } from '../oauth/flow.ts'
import { activityOf } from '../support/steps.ts'
import { createWorld, type PublishedApp, sampleManifest } from '../support/world.ts'
import { manage, update } from './registration.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())

const tokenOf = ({ registered }: PublishedApp) => String(registered['registration_access_token'])

async function press(app: PublishedApp, path: string) {
  return await app.platform.person.browser.post(`/platform/apps/${app.id}/${path}`)
}

function shown(text: string): string {
  const [, value = ''] = /id="registration-access-token"[^>]*>([^<]+)</.exec(text) ?? []
  return value.trim()
}

/** The status of each method for a token. */
async function verdicts(app: PublishedApp, token: string): Promise<unknown[]> {
  const body = { ...sampleManifest(app.receiver), client_id: app.id }
  const answers = [await manage(app.registered, 'GET', { token }), await manage(app.registered, 'PUT', { token, body })]
  return answers.map(({ status, body: { error } }) => (error ? [status, error] : [status]))
}
const REFUSED = [
  [401, 'invalid_token'],
  [401, 'invalid_token'],
]
const ACCEPTED = [[200], [200]]

test('issuing a new token in the portal ends the previous one', async () => {
  const app = await world.app()
  const page = await press(app, 'registration-token')
  const issued = shown(page.text)
  assert.match(issued, /^[\w-]{43}$/, page.text)
  assert.deepEqual(await verdicts(app, tokenOf(app)), REFUSED)
  assert.deepEqual(await verdicts(app, issued), ACCEPTED)
  const again = shown((await press(app, 'registration-token')).text)
  assert.deepEqual(await verdicts(app, issued), REFUSED)
  assert.deepEqual(await verdicts(app, again), ACCEPTED)
  const log = await activityOf(world, app.platform.person.accountId)
  assert.equal(log.filter(what => what === 'app.registration_token_issued').length, 2)
  assert.equal((await manage(app.registered, 'DELETE', { token: again })).status, 204)
  assert.deepEqual(await verdicts(app, again), REFUSED)
})

test('the portal ends the token; a second click is a no-op, and a new token can be issued', async () => {
  const app = await world.app()
  for (const _ of [1, 2]) assert.equal((await press(app, 'registration-token/end')).status, 303)
  assert.deepEqual(await verdicts(app, tokenOf(app)), REFUSED)
  const log = await activityOf(world, app.platform.person.accountId)
  assert.equal(log.filter(what => what === 'app.registration_token_ended').length, 1)
  const page = await app.platform.person.browser.get(`/platform/apps/${app.id}`)
  assert.match(page.text, /None\. Only this page changes the registration/)
  assert.equal(
    page.forms().some(({ action }) => action.endsWith('/registration-token/end')),
    false,
  )
  assert.deepEqual(await verdicts(app, shown((await press(app, 'registration-token')).text)), ACCEPTED)
})

test('replacing a secret in the portal ends the token', async () => {
  for (const path of ['client-secret', 'webhook-secret']) {
    const app = await world.app()
    const page = await press(app, path)
    assert.deepEqual([page.status, page.text.includes('registration access token')], [200, true])
    assert.deepEqual(await verdicts(app, tokenOf(app)), REFUSED, path)
  }
})

test('replacing the client secret ends the app’s own registration tokens and no other app’s', async () => {
  const [app, other] = [await world.app(), await world.app()]
  const installed = await world.install(await world.person(), app)
  const own = async (of: PublishedApp, secret?: string) => {
    const { body } = await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials' }, basic(of, secret))
    return String(body['access_token'])
  }
  const asks = async (token: string) =>
    (await fetch(`${world.url}/v1/installations`, { headers: { authorization: `Bearer ${token}` } })).status
  const [before, elsewhere] = [await own(app), await own(other)]
  assert.equal(await asks(before), 200)
  const page = await press(app, 'client-secret')
  const [, secret = ''] = /id="client-secret"[^>]*>([^<]+)</.exec(page.text) ?? []
  assert.equal(await asks(before), 401)
  for (const token of [await own(app, secret.trim()), elsewhere, installed.tokens.access_token])
    assert.equal(await asks(token), 200)
})

test('rotating the webhook secret by the API keeps the token that the platform’s software uses', async () => {
  const app = await world.app()
  const { body } = await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials' }, basic(app))
  const headers = { authorization: `Bearer ${body['access_token']}` }
  const rotated = await fetch(`${world.url}/v1/webhook-secret/rotate`, { method: 'POST', headers })
  assert.equal(rotated.status, 200)
  assert.deepEqual(await verdicts(app, tokenOf(app)), ACCEPTED)
})

test('neither GET nor PUT returns an existing client secret, new or old', async () => {
  const app = await world.app()
  await press(app, 'client-secret')
  const token = shown((await press(app, 'registration-token')).text)
  const body = { ...sampleManifest(app.receiver), client_id: app.id }
  for (const answer of [
    await manage(app.registered, 'GET', { token }),
    await manage(app.registered, 'PUT', { token, body }),
  ]) {
    assert.equal(answer.status, 200)
    for (const member of ['client_secret', 'client_secret_expires_at', 'webhook_secret'])
      assert.equal(member in answer.body, false, member)
  }
})

test('a token used at another app’s URL, or at an unknown one, keeps working at its own', async () => {
  const [app, other] = [await world.app(), await world.app()]
  const elsewhere = { ...app.registered, registration_client_uri: other.registered['registration_client_uri'] }
  const nowhere = {
    ...app.registered,
    registration_client_uri: `${world.url}/oauth/register/${world.deps.ids.next('app')}`,
  }
  for (const wrong of [elsewhere, nowhere]) {
    for (const method of ['GET', 'PUT', 'DELETE'] as const) {
      const answer = await manage(wrong, method, { token: tokenOf(app), ...(method === 'PUT' && { body: {} }) })
      assert.deepEqual([answer.status, answer.body['error']], [401, 'invalid_token'])
    }
  }
  assert.deepEqual(await verdicts(app, tokenOf(app)), ACCEPTED)
  assert.deepEqual(await verdicts(other, tokenOf(other)), ACCEPTED)
})

test('a token of an earlier release works until a new one is issued or it is ended', async () => {
  const app = await world.app()
  await world.deps.database.transaction(tx => tx('apps').where({ id: app.id }).update({ registration_token: null }))
  assert.deepEqual(await verdicts(app, tokenOf(app)), ACCEPTED)
  await press(app, 'registration-token/end')
  assert.deepEqual(await verdicts(app, tokenOf(app)), REFUSED)
})

test('only managers of the platform issue and end tokens; a retired app has none', async () => {
  const app = await world.app()
  const { person } = app.platform
  const stranger = await world.person()
  const paths = ['registration-token', 'registration-token/end']
  for (const path of paths) assert.equal((await stranger.browser.post(`/platform/apps/${app.id}/${path}`)).status, 404)
  const role = (name: string) =>
    world.deps.database.transaction(tx => tx('memberships').where({ user_id: person.userId }).update({ role: name }))
  await role('developer')
  for (const path of paths) assert.equal((await press(app, path)).status, 403)
  assert.deepEqual(await verdicts(app, tokenOf(app)), ACCEPTED)
  await role('owner')
  assert.equal((await manage(app.registered, 'DELETE')).status, 204)
  for (const path of paths) assert.equal((await press(app, path)).status, 409)
})

test('accounts with keys see a change of the recipient key or the delivery host in their log, and no others do', async () => {
  const app = await world.app()
  const [owner, stranger] = [await world.person(), await world.person()]
  await world.install(owner, app)
  const before = app.receiver.publicJwks().keys[0]?.kid
  const path = new URL('/other', app.receiver.url).href
  assert.equal((await update(app, { key_delivery_uri: path, tagline: 'Same host' })).status, 200)
  assert.equal((await activityOf(world, owner.accountId)).includes('app.delivery_host_changed'), false)

  const elsewhere = await world.receiver()
  assert.equal((await update(app, { key_delivery_uri: elsewhere.url, jwks: elsewhere.publicJwks() })).status, 200)
  const rows = await world.deps.database.read(tx =>
    tx('activity').where({ account_id: owner.accountId, object: app.id }).orderBy('number'),
  )
  assert.deepEqual(
    rows.map(({ what, data }) => [what, JSON.parse(data)]),
    [
      ['app.delivery_host_changed', { from: new URL(app.receiver.url).host, to: new URL(elsewhere.url).host }],
      ['app.recipient_key_changed', { from: before, to: elsewhere.publicJwks().keys[0]?.kid }],
    ],
  )
  assert.deepEqual(
    (await activityOf(world, stranger.accountId)).filter(what => what.startsWith('app.')),
    [],
  )
})

test('a new key at jwks_uri is logged the same way, once', async () => {
  const receiver = await world.receiver()
  const app = await world.app({ metadata: { jwks: undefined, jwks_uri: receiver.jwksUrl } })
  const [owner, second, third] = [await world.person(), await world.person(), await world.person()]
  await world.install(owner, app)
  await receiver.rotateEncryptionKey()
  await world.install(second, app)
  await world.install(third, app)
  const told = (await activityOf(world, owner.accountId)).filter(what => what === 'app.recipient_key_changed')
  assert.equal(told.length, 1)
})

/** A key set that is sent when `release` is called; `asked` resolves when it is requested. */
async function slowKeySet(keys: object) {
  const { promise: asked, resolve: noteAsked } = Promise.withResolvers<void>()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const server = createServer((_req, res) => {
    noteAsked()
    released.then(() => res.end(JSON.stringify(keys)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close().closeAllConnections())
  return { jwks_uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, asked, release }
}

test('a change in progress when its token ends is refused, however slowly its jwks_uri responds', async () => {
  const app = await world.app()
  const { jwks_uri, asked, release } = await slowKeySet(app.receiver.publicJwks())
  const changed = update(app, { client_name: 'Taken over', jwks: undefined, jwks_uri })
  await Promise.race([asked, changed])
  await press(app, 'registration-token/end')
  release()
  const { status, body } = await changed
  assert.deepEqual([status, body['error']], [401, 'invalid_token'])
  const page = await app.platform.person.browser.get(`/platform/apps/${app.id}`)
  assert.doesNotMatch(page.text, /Taken over/)
})

test('a registration in progress when the registration token is replaced is refused', async () => {
  const platform = await world.platform()
  const receiver = await world.receiver()
  const { jwks_uri, asked, release } = await slowKeySet(receiver.publicJwks())
  const registered = world.register(platform, receiver, { jwks: undefined, jwks_uri })
  await Promise.race([asked, registered])
  await platform.person.browser.post(`/platform/${platform.platformId}/token`)
  release()
  const { status, body } = await registered
  assert.deepEqual([status, body['error']], [401, 'invalid_token'])
})
