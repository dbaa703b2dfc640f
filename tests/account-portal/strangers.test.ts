import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApp } from '../../server/app.ts'
import type { Answer } from '../support/browser-session.ts'
import { countMade, rowsOf, uninstall, withoutRequestId } from '../support/steps.ts'
import { createWorld, type Person, type World } from '../support/world.ts'

const FORM = { keys: 'expire', overlap: '86400', decision: 'install', reason: 'none' }

type Route = { method: 'get' | 'post'; path: string }
type Layer = { route?: { path: string; methods: Record<string, boolean> }; handle: { stack?: Layer[] } }

/** Every mounted page of an installation or key, so that a new page is covered as soon as it exists. */
function routesOf({ deps }: World): Route[] {
  const { router } = createApp(deps) as unknown as { router: { stack: Layer[] } }
  const layers = router.stack.flatMap(layer => [layer, ...(layer.handle.stack ?? [])])
  const routes = layers.flatMap(({ route }) =>
    (['get', 'post'] as const)
      .filter(method => route?.methods[method])
      .map(method => ({ method, path: String(route?.path) })),
  )
  return routes.filter(({ path }) => /^\/(?:apps\/:installation|keys\/:key)/.test(path))
}

function open({ browser }: Pick<Person, 'browser'>, { method, path }: Route, id: string): Promise<Answer> {
  const address = path.replace(/:(?:installation|key)/, id)
  return method === 'get' ? browser.get(address) : browser.post(address, FORM)
}

test('every page and form of a stranger’s installation or key responds exactly as for an unknown id', async context => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const owner = await world.person()
  const stranger = await world.person({ accountName: 'Quay Coffee' })
  const { id } = await world.install(owner, app)
  await world.deliver()
  const [key] = await rowsOf(world, 'keys')
  const before = await countMade(world)
  const routes = routesOf(world)
  for (const known of ['/apps/:installation', '/apps/:installation/uninstall', '/keys/:key/expire'])
    assert.ok(
      routes.some(({ path }) => path === known),
      known,
    )
  for (const route of routes) {
    await context.test(`${route.method.toUpperCase()} ${route.path}`, async () => {
      const isKey = route.path.startsWith('/keys')
      const theirs = isKey ? String(key?.['id']) : id
      const none = world.deps.ids.next(isKey ? 'key' : 'ins')
      const [seen, missing] = [await open(stranger, route, theirs), await open(stranger, route, none)]
      assert.equal(seen.status, 404)
      assert.deepEqual(comparable(seen, theirs), comparable(missing, none))
      for (const nonsense of ['nonsense', '..%2f..%2fetc', `${theirs}x`, theirs.toUpperCase()])
        assert.equal((await open(stranger, route, nonsense)).status, 404, nonsense)
      assert.deepEqual(await countMade(world), before)
      assert.equal((await rowsOf(world, 'keys', { status: 'active' })).length, 1)
    })
  }
})

/** The response without its id and time. */
function comparable({ status, text, headers }: Answer, id: string) {
  return {
    status,
    text: withoutRequestId(text).replaceAll(id, 'ID'),
    headers: Object.entries({ ...headers, date: '' }).toSorted(),
  }
}

test('a stranger’s uninstalled and failed installations are hidden too', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const owner = await world.person()
  const stranger = await world.person()
  const { id } = await world.install(owner, app)
  await uninstall(owner, id)
  for (const path of ['', '/uninstall', '/uninstalled', '/installing'])
    assert.equal((await stranger.browser.get(`/apps/${id}${path}`)).status, 404, path)
})

test('members of the platform are strangers to an account’s installation', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const { id } = await world.install(await world.person(), app)
  const { browser } = app.platform.person
  assert.equal((await browser.get(`/apps/${id}`)).status, 404)
  assert.equal((await browser.post(`/apps/${id}/uninstall`, { keys: 'expire' })).status, 404)
})

test('an anonymous visitor is sent to sign in, and a form that they submit changes nothing', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const owner = await world.person()
  const { id } = await world.install(owner, app)
  const before = await countMade(world)
  owner.browser.clearCookies()
  for (const route of routesOf(world).filter(({ path }) => path.startsWith('/apps'))) {
    const answer = await open(owner, route, id)
    assert.equal(answer.status, 303)
    assert.equal(new URL(answer.location ?? '').pathname, '/signin')
  }
  assert.deepEqual(await countMade(world), before)
})
