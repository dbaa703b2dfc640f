import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createBrowserSession } from '../support/browser-session.ts'
import { askConsent } from '../support/steps.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { move, serveFiles, update } from './registration.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const files = await serveFiles({
  '/one.svg': { type: 'image/svg+xml', body: '<svg/>' },
  '/two.svg': { type: 'image/svg+xml', body: '<svg><g/></svg>' },
})
after(() => files[Symbol.asyncDispose]())
const person = await world.person()

const MARKS = ['Reviewed by', 'Changed since its review', 'Not reviewed']

/** The review badge on the listing and on the consent page; both must be equal. */
async function marks(of: World, app: PublishedApp, who = person): Promise<string[]> {
  const row = await of.deps.database.read(tx => tx('apps').where({ id: app.id }).first('slug'))
  const listing = await createBrowserSession(of.url).get(`/marketplace/${row?.slug}`)
  const { page } = await askConsent(who, app)
  const said = ({ text }: { text: string }) => MARKS.filter(mark => text.includes(mark))
  assert.deepEqual(said(listing), said(page))
  return said(listing)
}

const permission = (name: string, purpose: string) => ({ name, purpose })
const LESS = [permission('charges:read', 'To show today’s takings.')]

const CHANGES: Record<string, (app: PublishedApp) => Promise<Record<string, unknown>> | Record<string, unknown>> = {
  'another name': () => ({ client_name: 'Somebody Else' }),
  'another tagline': () => ({ tagline: 'Another.' }),
  'another description': () => ({ description: 'Another.' }),
  'another purpose': () => ({ permissions: [permission('charges:read', 'Another.')] }),
  'another site': () => ({ client_uri: 'https://elsewhere.example/' }),
  'another delivery host': async () => ({ key_delivery_uri: (await world.receiver()).url }),
  'another redirect address': () => ({ redirect_uris: ['http://127.0.0.1:9/callback', 'https://elsewhere.example/'] }),
  'another setup address': () => ({ setup_uri: 'https://elsewhere.example/' }),
  'an install address': () => ({ install_uri: 'https://elsewhere.example/' }),
  'other keys': async () => ({ jwks: (await world.receiver()).publicJwks() }),
  'keys behind an address': ({ receiver }) => ({ jwks: undefined, jwks_uri: receiver.jwksUrl }),
  'a logo': () => ({ logo_uri: `${files.url}/two.svg` }),
  'other managed keys': () => ({ managed_keys: [{ name: 'other' }] }),
  'more permissions and another host': async () => ({
    key_delivery_uri: (await world.receiver()).url,
    permissions: [...LESS, permission('refunds:write', 'To pay back.'), permission('payouts:read', 'To look.')],
  }),
}

for (const [what, change] of Object.entries(CHANGES)) {
  test(`${what} removes the badge until the operator publishes again`, async () => {
    const app = await world.app({ metadata: { permissions: LESS } })
    assert.deepEqual(await marks(world, app), ['Reviewed by'])
    const { status, body } = await update(app, { permissions: LESS, ...(await change(app)) })
    assert.equal(status, 200, JSON.stringify(body))
    assert.deepEqual(await marks(world, app), ['Changed since its review'])
    const portal = await app.platform.person.browser.get(`/platform/apps/${app.id}`)
    assert.match(portal.text, /Changed since its review/)
    await move(world, app.id, 'publish')
    assert.deepEqual(await marks(world, app), ['Reviewed by'])
  })
}

test('an unchanged manifest, fewer permissions, or pending permissions keep the badge', async () => {
  const app = await world.app()
  assert.equal((await update(app)).status, 200)
  assert.deepEqual(await marks(world, app), ['Reviewed by'])
  assert.equal((await update(app, { permissions: LESS })).status, 200)
  assert.deepEqual(await marks(world, app), ['Reviewed by'])
  const waiting = { client_name: 'Waits', permissions: [...LESS, permission('refunds:write', 'To pay back.')] }
  assert.equal((await update(app, waiting)).status, 200)
  assert.deepEqual(await marks(world, app), ['Reviewed by'], 'the name is pending too')
})

test('a logo is compared by its bytes, not its address', async () => {
  const app = await world.app({ metadata: { logo_uri: `${files.url}/one.svg` } })
  assert.equal((await update(app, { logo_uri: `${files.url}/one.svg?2` })).status, 400, 'the logo is missing')
  assert.equal((await update(app, { logo_uri: `${files.url}/one.svg` })).status, 200)
  assert.deepEqual(await marks(world, app), ['Reviewed by'])
})

test('reverting the change, or suspend and resume, do not restore the badge', async () => {
  const app = await world.app()
  await update(app, { client_name: 'Somebody Else' })
  await update(app)
  await move(world, app.id, 'suspend')
  await move(world, app.id, 'resume')
  assert.deepEqual(await marks(world, app), ['Changed since its review'])
})

test('without reviews there is no badge, and no page promises one', async () => {
  await using open = await createWorld({ env: { REVIEW: 'off' }, worker: false })
  const app = await open.app()
  assert.deepEqual(await marks(open, app, await open.person()), [])
  const market = await createBrowserSession(open.url).get('/marketplace')
  assert.doesNotMatch(market.text, /review/i)
})

test('an app published without review has no badge once reviews are required', async () => {
  const app = await world.app()
  await world.deps.database.transaction(tx => tx('apps').where({ id: app.id }).update({ reviewed: 'never' }))
  assert.deepEqual(await marks(world, app), ['Not reviewed'])
  await update(app, { client_name: 'Somebody Else' })
  assert.deepEqual(await marks(world, app), ['Not reviewed'])
})
