import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Router } from 'express'
import { createApp } from '../../server/app.ts'
import type { Headers } from '../support/browser-session.ts'
import { authorizationUrl } from '../support/oauth-client.ts'
import { snapshot } from '../support/snapshot.ts'
import { createWorld, PASSWORD, REDIRECT, type World } from '../support/world.ts'

type Layer = Router['stack'][number]

/** The path of every POST route for pages; machine endpoints have no session to abuse. */
function postPaths(router: { stack: Layer[] }): string[] {
  return router.stack.flatMap(layer => {
    if (!layer.route) return 'stack' in layer.handle ? postPaths(layer.handle as unknown as Router) : []
    const posts = layer.route.stack.some(({ method }) => method === 'post')
    return posts && !/^\/(?:oauth|v1|admin\/v1)\//.test(layer.route.path) ? [layer.route.path] : []
  })
}

/** Fields that each form would accept from a page of ours. */
const FIELDS = {
  account_name: 'Lighthouse',
  email: 'eve@example.com',
  password: PASSWORD,
  decision: 'install',
  keys: 'expire',
  name: 'Mallory',
  role: 'owner',
}

async function forms(world: World) {
  const person = await world.person({ email: 'ada@example.com' })
  const [app, other] = [await world.app(), await world.app({ metadata: { client_name: 'Other app' } })]
  const installed = await world.install(person, app)
  await world.deliver()
  const request = await authorizationUrl(other.client, { redirectUri: REDIRECT })
  const consent = await person.browser.follow(await person.browser.get(request.url.href))
  const key = await world.deps.database.read(tx => tx('keys').where({ installation_id: installed.id }).first('id'))
  const ours = await world.deps.database.read(tx => tx('apps').where({ id: other.id }).first('slug'))
  const values: Record<string, string> = {
    installation: installed.id,
    key: key.id,
    slug: ours.slug,
    uid: new URL(consent.url).pathname.split('/').at(-1) ?? '',
    id: app.id,
  }
  const paths = postPaths(createApp(world.deps).router).map(path =>
    path.replaceAll(/:(\w+)/g, (_, name: string) => values[name] ?? 'x'),
  )
  return { person, installed, paths }
}

const ELSEWHERE: Headers[] = [
  { origin: null, 'sec-fetch-site': null },
  { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' },
  { origin: 'https://elsewhere.example', 'sec-fetch-site': null },
]

test('403: a form from another site, or without its origin, changes nothing', async () => {
  await using world = await createWorld({ worker: false })
  const { person, installed, paths } = await forms(world)
  for (const known of ['/signup', '/signin', '/signout', '/account', `/apps/${installed.id}/uninstall`])
    assert.ok(paths.includes(known), `${known} is not among ${paths.join(', ')}`)
  assert.ok(paths.length >= 10, paths.join(', '))
  const before = await snapshot(world.deps.database)
  for (const path of paths) {
    for (const headers of ELSEWHERE) {
      const answer = await person.browser.post(path, { ...FIELDS, account: person.accountId }, headers)
      assert.equal(answer.status, 403, `${path} ${JSON.stringify(headers)}`)
      assert.match(answer.text, /This form was sent from another site/)
      assert.equal(answer.headers['set-cookie'], undefined, path)
    }
  }
  assert.equal(await snapshot(world.deps.database), before)
  const done = await person.browser.post(`/apps/${installed.id}/uninstall`, FIELDS)
  assert.equal(done.status, 303)
  assert.notEqual(await snapshot(world.deps.database), before)
})

const MATRIX: [site: string | null, origin: string | null, passes: boolean][] = [
  ['same-origin', 'own', true],
  ['same-origin', null, true],
  ['same-site', 'own', false],
  ['cross-site', 'own', false],
  ['cross-site', 'https://elsewhere.example', false],
  ['none', 'own', false],
  ['', 'own', false],
  ['same-origin, cross-site', 'own', false],
  ['Same-Origin', 'own', false],
  [null, 'own', true],
  [null, 'null', false],
  [null, 'https://elsewhere.example', false],
  [null, 'http://127.0.0.1', false],
  [null, 'own, https://elsewhere.example', false],
  [null, 'own/', false],
  [null, null, false],
]

test('403 or not: Sec-Fetch-Site decides, Origin only where that is missing, and neither is refused', async () => {
  await using world = await createWorld({ worker: false })
  const { browser } = await world.person()
  for (const [site, origin, passes] of MATRIX) {
    const headers = { 'sec-fetch-site': site, origin: origin?.replace('own', world.url) ?? null }
    const { status } = await browser.post('/signin', { email: '', password: '' }, headers)
    assert.equal(status, passes ? 422 : 403, JSON.stringify(headers))
  }
})

test('403: neither Referer nor a matching Host proves the origin', async () => {
  await using world = await createWorld({ worker: false })
  const { browser } = await world.person()
  const missing = { origin: null, 'sec-fetch-site': null }
  assert.equal((await browser.post('/signin', {}, { ...missing, referer: `${world.url}/signin` })).status, 403)
  const fitting = { 'sec-fetch-site': null, origin: 'http://elsewhere.example', host: 'elsewhere.example' }
  assert.equal((await browser.post('/signin', {}, fitting)).status, 403)
})

test('403: PUT, PATCH and DELETE follow the same rule', async () => {
  await using world = await createWorld({ worker: false })
  for (const method of ['PUT', 'PATCH', 'DELETE']) {
    assert.equal((await fetch(`${world.url}/apps`, { method })).status, 403)
    const own = await fetch(`${world.url}/apps`, { method, headers: { origin: world.url }, redirect: 'manual' })
    assert.notEqual(own.status, 403)
  }
})

test('200: reading needs no header', async () => {
  await using world = await createWorld({ worker: false })
  const { browser } = await world.person()
  assert.equal((await browser.get('/apps', { 'sec-fetch-site': 'cross-site' })).status, 200)
})
