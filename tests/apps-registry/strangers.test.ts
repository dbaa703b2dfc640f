import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createApp } from '../../server/app.ts'
import { post } from '../oauth/flow.ts'
import { assertion } from '../oauth/proofs.ts'
import { type Answer, createBrowserSession } from '../support/browser-session.ts'
import { authorizationUrl } from '../support/oauth-client.ts'
import { createWorld, PASSWORD, type Person, type PublishedApp, REDIRECT, type World } from '../support/world.ts'
import { manage, move, serveFiles } from './registration.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const files = await serveFiles({ '/logo.svg': { type: 'image/svg+xml', body: '<svg/>' } })
after(() => files[Symbol.asyncDispose]())

/** Words of the draft that strangers must not see. */
const SECRETS = ['Quiet Draft', 'quiet-draft', 'To keep a secret.']
const metadata = {
  client_name: 'Quiet Draft',
  logo_uri: `${files.url}/logo.svg`,
  permissions: [{ name: 'charges:read', purpose: 'To keep a secret.' }],
}
const draft = await world.app({ draft: true, metadata })
const owner = draft.platform.person
const stranger = await otherPublisher(world)
const NOBODY = createBrowserSession(world.url)
const NONE = { id: world.deps.ids.next('app'), slug: 'there-is-no-such-app' }
const DRAFT = { id: draft.id, slug: await slugOf(draft) }

type Which = { id: string; slug: string }
type Route = { method: 'get' | 'post'; path: string }
type Layer = { route?: { path: string; methods: Record<string, boolean> }; handle: { stack?: Layer[] } }

/** A person who publishes apps too and may open every publisher page. */
async function otherPublisher(of: World): Promise<Person> {
  return (await of.platform('Quay Tools')).person
}

async function slugOf({ id }: PublishedApp): Promise<string> {
  const row = await world.deps.database.read(tx => tx('apps').where({ id }).first('slug'))
  return String(row?.slug)
}

/** Every mounted page and form with an app in its path, so that a new one is covered as soon as it exists. */
function routesOf({ deps }: World): Route[] {
  const { router } = createApp(deps) as unknown as { router: { stack: Layer[] } }
  const layers = router.stack.flatMap(layer => [layer, ...(layer.handle.stack ?? [])])
  const routes = layers.flatMap(({ route }) =>
    (['get', 'post'] as const)
      .filter(method => route?.methods[method])
      .map(method => ({ method, path: String(route?.path) })),
  )
  return routes.filter(({ path }) => /:(?:app|slug)\b/.test(path))
}

function comparable({ status, text, headers }: Answer, { id, slug }: Which) {
  const same = (value: string) =>
    value
      .replaceAll(id, 'ID')
      .replaceAll(slug, 'SLUG')
      .replaceAll(/req_[0-9a-z]{26}/g, 'req_')
  const kept = Object.entries({ ...headers, date: '' }).filter(
    ([name]) => name !== 'set-cookie' && name !== 'content-length',
  )
  return { status, text: same(text), headers: kept.map(([name, value]) => [name, same(String(value))]).toSorted() }
}

async function alike(what: string, ask: (which: Which) => Promise<Answer>): Promise<Answer> {
  const [seen, missing] = [await ask(DRAFT), await ask(NONE)]
  assert.deepEqual(comparable(seen, DRAFT), comparable(missing, NONE), what)
  const told = seen.text.replaceAll(DRAFT.slug, '') // the path may repeat the slug that was requested
  for (const secret of SECRETS) assert.equal(told.includes(secret), false, `${what}: ${secret}`)
  return seen
}

const routes = routesOf(world)

test('the table covers every route with an app in its path', () => {
  for (const known of ['/logos/:app', '/marketplace/:slug', '/interaction/install/:slug', '/platform/apps/:app'])
    assert.ok(
      routes.some(({ path }) => path === known),
      known,
    )
})

for (const { method, path } of routes) {
  test(`${method.toUpperCase()} ${path}: a stranger’s draft responds like an unknown app, signed in or not`, async () => {
    const others = { ':delivery': world.deps.ids.next('dlv'), ':installation': world.deps.ids.next('ins') }
    for (const [who, browser] of [['a stranger', stranger.browser] as const, ['nobody', NOBODY] as const]) {
      await alike(`${method} ${path} by ${who}`, ({ id, slug }) => {
        let address = path.replace(':app', id).replace(':slug', slug)
        for (const [name, value] of Object.entries(others)) address = address.replace(name, value)
        return method === 'get' ? browser.get(address) : browser.post(address, { decision: 'install' })
      })
    }
  })
}

test('the owner sees the draft on every page', async () => {
  for (const path of [`/logos/${DRAFT.id}`, `/marketplace/${DRAFT.slug}`, `/interaction/install/${DRAFT.slug}`]) {
    const answer = await owner.browser.get(path)
    assert.equal(answer.status, 200, path)
  }
  const logo = await owner.browser.get(`/logos/${DRAFT.id}`)
  assert.match(String(logo.headers['cache-control']), /private/)
})

const authorization = async ({ id }: Which, extra: Record<string, string> = {}) => {
  const { url } = await authorizationUrl(draft.client, { redirectUri: REDIRECT, state: 's', extra })
  url.searchParams.set('client_id', id)
  url.searchParams.set('code_challenge', 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM')
  return url.href
}

test('the authorization endpoint hides a stranger’s draft and sends an anonymous visitor to sign in', async () => {
  const requests: Record<string, string>[] = [
    {},
    { prompt: 'none' },
    { mode: 'moon' },
    { scope: 'charges:read' },
    { scope: 'refunds:write' },
    { redirect_uri: 'https://elsewhere.example/' },
    { request_uri: 'urn:ietf:params:oauth:request_uri:none' },
  ]
  for (const extra of requests) {
    for (const browser of [stranger.browser, NOBODY]) {
      const what = `authorize ${JSON.stringify(extra)}`
      const seen = await alike(what, async which => await browser.get(await authorization(which, extra)))
      assert.equal(seen.status, 400, what)
      assert.equal(seen.text.includes('/signin?return_to='), browser === NOBODY)
    }
  }
})

test('an anonymous member returns to the consent page of their draft after sign-in', async () => {
  const browser = createBrowserSession(world.url)
  const refused = await browser.get(await authorization(DRAFT))
  const [, link = ''] = /href="(\/signin\?return_to=[^"]+)"/.exec(refused.text) ?? []
  const signIn = await browser.get(link.replaceAll('&amp;', '&'))
  assert.equal(signIn.text.includes('Quiet Draft'), false)
  const back = await browser.follow(
    await browser.submit(signIn.form('/signin'), { email: owner.email, password: PASSWORD }),
  )
  assert.match(back.text, /<h1>Install Quiet Draft<\/h1>/)
})

test('a request begun by a member shows nothing to a stranger who continues it in the same browser', async () => {
  const browser = createBrowserSession(world.url)
  await browser.post('/signin', { email: owner.email, password: PASSWORD })
  const page = await browser.follow(await browser.get(await authorization(DRAFT)))
  const path = new URL(page.url).pathname
  await browser.post('/signout')
  const signIn = await browser.get(`/signin?return_to=${path}`)
  assert.equal(signIn.text.includes('Quiet Draft'), false)
  await browser.post('/signin', { email: stranger.email, password: PASSWORD })
  for (const answer of [
    await browser.get(path),
    await browser.submit(page.form('/interaction/'), { decision: 'install' }),
  ]) {
    assert.equal(answer.status, 404)
    for (const secret of SECRETS) assert.equal(answer.text.includes(secret), false)
  }
})

test('the sign-in page names no draft', async () => {
  await alike('sign-in', ({ slug }) => NOBODY.get(`/signin?return_to=/interaction/install/${slug}`))
})

test('the form that registers an app does not reveal whether an id exists', async () => {
  const fields = { id: '', manifest: '{"client_name":""}', platform: '' }
  const seen = await alike('register, wrong', ({ id }) =>
    stranger.browser.post('/platform/apps/new', { ...fields, id }),
  )
  assert.equal(seen.status, 422)
  const receiver = await world.receiver()
  const manifest = JSON.stringify({
    client_name: 'Mine',
    redirect_uris: [REDIRECT],
    key_delivery_uri: receiver.url,
    permissions: [{ name: 'charges:read', purpose: 'To work.' }],
    jwks: receiver.publicJwks(),
  })
  for (const { id } of [DRAFT, NONE]) {
    const made = await stranger.browser.post('/platform/apps/new', { id, manifest })
    assert.equal(made.status, 200)
    assert.match(made.text, /Mine is registered/)
    assert.equal(made.text.includes(id), false, 'an id cannot be chosen')
    const again = await stranger.browser.post('/platform/apps/new', { id, manifest })
    assert.match(again.location ?? '', /\/platform\/apps\/app_[0-9a-z]{26}$/, 'submitted twice')
  }
})

test('client endpoints do not reveal a draft without its credentials', async () => {
  const other = await world.app()
  for (const path of ['token', 'par', 'revoke', 'introspect']) {
    const bodies = async (id: string) => [
      { client_id: id },
      { client_id: id, client_secret: 'wrong' },
      await assertion(id, other.receiver, world.url),
    ]
    const ask = async (id: string) => {
      const answers = []
      for (const body of await bodies(id)) {
        const sent = { grant_type: 'client_credentials', token: 'none', ...body }
        const answer = await post(`${world.url}/oauth/${path}`, sent)
        answers.push([answer.status, answer.body])
      }
      return answers
    }
    assert.deepEqual(await ask(DRAFT.id), await ask(NONE.id), path)
  }
  const at = (id: string) => ({ ...other.registered, registration_client_uri: `${world.url}/oauth/register/${id}` })
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    const body = method === 'PUT' ? { client_id: DRAFT.id } : undefined
    const [seen, none] = [
      await manage(at(DRAFT.id), method, { token: 'nonsense', ...(body && { body }) }),
      await manage(at(NONE.id), method, { token: 'nonsense', ...(body && { body }) }),
    ]
    assert.deepEqual([seen.status, seen.body], [none.status, none.body])
  }
})

test('the slug of an app does not reveal a draft of the same name', async () => {
  const [same, only] = [await world.app({ draft: true, metadata }), await world.app({ draft: true })]
  assert.match(await slugOf(same), /^quiet-draft-[0-9a-z]{5}$/)
  assert.match(await slugOf(only), /^shipyard-hosting-[0-9a-z]{5}$/)
  await move(world, same.id, 'publish')
  assert.equal(await slugOf(same), 'quiet-draft')
})

test('a published app is visible to everybody', async () => {
  await move(world, draft.id, 'publish')
  for (const path of [`/logos/${DRAFT.id}`, `/marketplace/${await slugOf(draft)}`]) {
    const answer = await NOBODY.get(path)
    assert.equal(answer.status, 200, path)
  }
  const signIn = await NOBODY.follow(await NOBODY.get(await authorization(DRAFT)))
  assert.match(signIn.text, /Quiet Draft/)
})
