import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { createApp } from '../../server/app.ts'
import { onPostgres } from '../support/database.ts'
import { createWorld, type World } from '../support/world.ts'

/** Makes the database unreachable: the server closes and refuses connections, or the file is closed. */
async function cutDatabase({ deps: { database, config } }: World): Promise<void> {
  if (config.database.kind === 'sqlite') return await database.close()
  const name = new URL(config.database.url).pathname.slice(1)
  const admin = new pg.Client({ connectionString: process.env['TEST_POSTGRES_URL'] })
  await admin.connect()
  await admin.query(`alter database ${name} with allow_connections false`)
  await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name])
  await admin.end()
}

type Layer = {
  route?: { path: string | string[]; methods: Record<string, boolean> }
  handle: { stack?: Layer[] }
}

/** Every route of Express, with an identifier for each parameter. */
function routesOf(world: World): { method: string; path: string }[] {
  const walk = (layers: readonly Layer[]): { method: string; path: string }[] =>
    layers.flatMap(({ route, handle }) => {
      if (!route) return walk(handle.stack ?? [])
      const methods = Object.keys(route.methods).map(method => (method === '_all' ? 'GET' : method.toUpperCase()))
      return [route.path].flat().flatMap(path => methods.map(method => ({ method, path: withIds(world, path) })))
    })
  return walk((createApp(world.deps) as unknown as { router: { stack: Layer[] } }).router.stack)
}

const PREFIXES = { installation: 'ins', key: 'key', app: 'app', delivery: 'dlv' } as const

function withIds({ deps }: World, path: string): string {
  return path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const prefix = Object.entries(PREFIXES).find(([param]) => param === name)?.[1]
    return prefix ? deps.ids.next(prefix) : 'something'
  })
}

/** Routes that need no database and respond as usual. */
const WITHOUT_DATABASE = [
  /^GET \/healthz$/,
  /^GET \/metrics$/,
  /^GET \/brand\/logo$/,
  /^GET (?:\/admin)?\/(?:openapi\.json|reference)$/,
]

const isApi = (path: string) => /^(?:\/admin)?\/v1\//.test(path)

const WELL_FORMED: Record<string, unknown> = {
  'POST /v1/leaks': { tokens: ['lkm_live_something'] },
}

test('503 with Retry-After on every route while the database is away, each in its own format', async t => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const cookie = person.browser.cookieHeader('/')
  const routes = routesOf(world).filter(({ path }) => !path.startsWith('/oauth/')) // checked below
  assert.ok(routes.length > 60, `${routes.length} routes`)
  await cutDatabase(world)
  const wrong: string[] = []
  for (const { method, path } of routes) {
    const name = `${method} ${path}`
    const answer = await fetch(world.url + path, {
      method,
      redirect: 'manual',
      headers: {
        'sec-fetch-site': 'same-origin',
        ...(isApi(path)
          ? { authorization: 'Bearer something', 'content-type': 'application/json' }
          : { cookie, accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(method !== 'GET' && { body: isApi(path) ? JSON.stringify(WELL_FORMED[name] ?? {}) : '' }),
    })
    const text = await answer.text()
    if (WITHOUT_DATABASE.some(pattern => pattern.test(name))) {
      if (answer.status >= 500) wrong.push(`${name}: ${answer.status}`)
      continue
    }
    const form = path === '/readyz' ? 'json' : isApi(path) ? 'problem+json' : 'html'
    const right =
      answer.status === 503 &&
      Number(answer.headers.get('retry-after')) >= 1 &&
      (answer.headers.get('content-type') ?? '').includes(form) &&
      !/knex|select|ECONN|allow_connections|acquire/i.test(text)
    if (!right) wrong.push(`${name}: ${answer.status} ${answer.headers.get('content-type')} ${text.slice(0, 200)}`)
  }
  assert.deepEqual(wrong, [])
  t.diagnostic(`${routes.length} routes`)

  const basic = `Basic ${Buffer.from(`${app.id}:${app.registered.client_secret}`).toString('base64')}`
  const json = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' }
  const endpoints: [string, string, Record<string, string>, string?][] = [
    ['POST', '/oauth/token', { ...json, authorization: basic }, 'grant_type=client_credentials'],
    ['POST', '/oauth/par', { ...json, authorization: basic }, 'response_type=code'],
    ['POST', '/oauth/revoke', { ...json, authorization: basic }, 'token=something'],
    ['POST', '/oauth/introspect', { ...json, authorization: basic }, 'token=something'],
    ['GET', '/oauth/userinfo', { accept: 'application/json', authorization: 'Bearer something' }],
    ['GET', `/oauth/register/${app.id}`, { accept: 'application/json', authorization: 'Bearer something' }],
    ['PUT', `/oauth/register/${app.id}`, { authorization: 'Bearer x', 'content-type': 'application/json' }, '{}'],
    ['DELETE', `/oauth/register/${app.id}`, { authorization: 'Bearer something' }],
    ['POST', '/oauth/register', { authorization: 'Bearer lkt_x', 'content-type': 'application/json' }, '{}'],
  ]
  for (const [method, path, headers, body] of endpoints) {
    const answer = await fetch(world.url + path, { method, headers, ...(body !== undefined && { body }) })
    const name = `${method} ${path}`
    assert.equal(answer.status, 503, `${name} ${await answer.clone().text()}`)
    assert.ok(Number(answer.headers.get('retry-after')) >= 1, name)
    const { error } = (await answer.json()) as { error: string }
    assert.equal(error, 'temporarily_unavailable', name)
  }
  const query = new URLSearchParams({
    client_id: app.id,
    response_type: 'code',
    redirect_uri: 'http://127.0.0.1:9/callback',
  })
  const page = await person.browser.get(`/oauth/authorize?${query}`)
  assert.equal(page.status, 503)
  assert.match(page.text, /is unavailable/)
  assert.ok(Number(page.headers['retry-after']) >= 1)

  const verified = await fetch(`${world.url}/v1/keys/verify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.verifierKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key: 'lkm_live_something' }),
  })
  assert.equal(verified.status, 503)
  assert.equal((await fetch(`${world.url}/healthz`)).status, 200)
  const metrics = await (await fetch(`${world.url}/metrics`)).text()
  assert.match(metrics, /^latchkey_database_up 0$/m)
  assert.doesNotMatch(metrics, /^latchkey_deliveries_pending /m)
  assert.equal(world.logs.filter(line => line.includes('"code":"internal"')).length, 0)
  if (onPostgres) assert.ok(world.logs.some(line => line.includes('not currently accepting connections')))
})
