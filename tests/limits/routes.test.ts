import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { clientCredentialsGrant } from 'openid-client'
import { createApp } from '../../server/app.ts'
import { LIMITS, type Limit } from '../../server/limits/limits.ts'
import { createAdminClient } from '../admin-api/admin-client.ts'
import { type Route, routesOf } from '../support/routes.ts'
import { createWorld, type Person, type PublishedApp, type World } from '../support/world.ts'

const SAFE = ['GET', 'HEAD', 'OPTIONS']
/** Routes of the authorization server and of node:http, which are not in our routers. */
const ELSEWHERE: Route[] = [
  ...['GET', 'POST'].map(method => ({ method, path: '/oauth/authorize' })),
  { method: 'GET', path: '/oauth/authorize/:uid' },
  ...['/oauth/token', '/oauth/par', '/oauth/revoke', '/oauth/introspect', '/oauth/register'].map(path => ({
    method: 'POST',
    path,
  })),
  ...['GET', 'POST'].map(method => ({ method, path: '/oauth/userinfo' })),
  ...['GET', 'PUT', 'DELETE'].map(method => ({ method, path: '/oauth/register/:app' })),
  { method: 'POST', path: '/v1/keys/verify' },
]
const DOCS = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8')
const ROWS = DOCS.split('\n').filter(line => line.startsWith('|'))

/** The limits in docs/limits.md for a route, or for all paths below one; undefined without a row. */
function documented({ method, path }: Route): string[] | undefined {
  const names = [
    path,
    ...(path.startsWith('/v1/')
      ? ['/v1/*']
      : path.startsWith('/admin/v1/')
        ? ['/admin/v1/*']
        : path.startsWith('/oauth/')
          ? []
          : ['/*']),
  ]
  const row = names.flatMap(name => ROWS.filter(line => line.startsWith(`| \`${method} ${name}\` |`)))[0]
  return row === undefined
    ? undefined
    : [...(row.split('|')[2] ?? '').matchAll(/`(\w+)`/g)].map(([, name = '']) => name)
}

test('docs: every limit is listed with its real value', () => {
  for (const [name, { points, seconds, by }] of Object.entries<Limit>(LIMITS)) {
    const window = seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`
    const row = `| \`${name}\` | ${points} | ${window} | ${by} |`
    assert.ok(
      ROWS.some(line => line.startsWith(row)),
      row,
    )
  }
})

test('docs: every listed route and limit exists', async () => {
  await using world = await createWorld({ worker: false })
  const routes = [...routesOf(createApp(world.deps)), ...ELSEWHERE].map(({ method, path }) => `${method} ${path}`)
  for (const [, route = ''] of DOCS.matchAll(/^\| `([A-Z]+ \/[^`*]*)`/gm)) assert.ok(routes.includes(route), route)
  for (const route of [...routesOf(createApp(world.deps)), ...ELSEWHERE])
    for (const name of documented(route) ?? []) assert.ok(Object.hasOwn(LIMITS, name), name)
})

test('limits: every route that writes or calls out is in docs/limits.md and spends the listed limits', async () => {
  await using world = await createWorld({ worker: false, env: { RATE_LIMITS: 'on', TRUST_PROXY: '1' } })
  const app = await world.app()
  const caller = {
    world,
    person: app.platform.person,
    app,
    token: (await clientCredentialsGrant(app.client)).access_token,
    adminKey: (await createAdminClient(world)).key,
  }
  const routes = [...routesOf(createApp(world.deps)).filter(({ method }) => !SAFE.includes(method)), ...ELSEWHERE]
  assert.ok(routes.length > 40)
  for (const [index, route] of routes.entries()) {
    const [name, expected] = [`${route.method} ${route.path}`, documented(route)]
    assert.ok(expected, `${name} is not in docs/limits.md`)
    if (route.path === '/v1/keys/verify') continue // its writes are batched, as docs/limits.md says
    assert.ok(expected.length > 0, `${name} has no limit`)
    world.clock.advance(2 * 3_600_000) // so that each starts with full limits
    await world.deps.database.knex('rate_limits').delete()
    const status = await call(caller, route, `198.51.100.${index}`)
    const ids: string[] = await world.deps.database.knex('rate_limits').pluck('id')
    const spent = [...new Set(ids.map(id => id.split(':')[0] ?? ''))]
    assert.ok(spent.length > 0, `${name} answered ${status} and nothing was counted`)
    for (const limit of spent) assert.ok(expected.includes(limit), `${name} spends ${limit}`)
  }
})

type Caller = { world: World; person: Person; app: PublishedApp; token: string; adminKey: string }

/** Calls the route as an authorized caller, with an empty body. */
async function call({ world, person, app, token, adminKey }: Caller, route: Route, address: string): Promise<number> {
  const ids = { app: app.id, uid: 'none', slug: 'shipyard-hosting' } as Record<string, string>
  const path = route.path.replaceAll(
    /:(\w+)/g,
    (_, name: string) => ids[name] ?? `${name.slice(0, 3)}_${'0'.repeat(26)}`,
  )
  const page = !/^\/(?:v1|oauth|admin)\//.test(path)
  const answer = await fetch(`${world.url}${path}`, {
    method: route.method,
    redirect: 'manual',
    headers: {
      'x-forwarded-for': address,
      'content-type': page ? 'application/x-www-form-urlencoded' : 'application/json',
      ...(page && path !== '/signup' && path !== '/signin' && { cookie: person.browser.cookieHeader(path) }),
      ...(page
        ? { 'sec-fetch-site': 'same-origin' }
        : { authorization: `Bearer ${path.startsWith('/admin/') ? adminKey : token}` }),
    },
    ...(!SAFE.includes(route.method) && { body: page ? '' : '{}' }),
  })
  await answer.text()
  return answer.status
}
