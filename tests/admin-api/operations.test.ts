import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { adminOpenApi } from '../../server/admin-api/admin-openapi.ts'
import { ADMIN_OPERATIONS } from '../../server/admin-api/operations.ts'
import { SCOPES, type Scope } from '../../server/admin-keys/scopes.ts'
import { ERRORS } from '../../server/base/errors.ts'
import { errorsOf, statusOf } from '../../server/http/operation.ts'
import { countMade } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'
import { type AdminClient, createAdminClient } from './admin-client.ts'

const FOLDER = new URL('../../server/admin-api/operations/', import.meta.url)
const SOURCES = readdirSync(FOLDER).map(name => readFileSync(new URL(name, FOLDER), 'utf8'))
const PREFIX = '/admin/v1'

const scopeOf = ({ access }: (typeof ADMIN_OPERATIONS)[number]) => access.scopes?.[0] as Scope

describe('the operations of /admin/v1', () => {
  test('each has a file of its own, which holds its path as text', () => {
    assert.equal(SOURCES.length, ADMIN_OPERATIONS.length)
    for (const { method, path } of ADMIN_OPERATIONS) {
      const found = SOURCES.filter(
        source => source.includes(`  path: '${path}',\n`) && source.includes(`  method: '${method}',\n`),
      )
      assert.equal(found.length, 1, `${method} ${path}`)
    }
  })

  test('each has an id of its own, one status of success, a body that is valid, and one scope', () => {
    assert.equal(new Set(ADMIN_OPERATIONS.map(({ id }) => id)).size, ADMIN_OPERATIONS.length)
    for (const operation of ADMIN_OPERATIONS) {
      const status = statusOf(operation)
      assert.ok(status >= 200 && status < 300, operation.id)
      if (operation.body) assert.ok(operation.body.safeParse(operation.example ?? {}).success, operation.id)
      assert.equal(new Set(operation.errors).size, operation.errors.length, operation.id)
      assert.equal(operation.access.scopes?.length, 1, operation.id)
      assert.ok(SCOPES.includes(scopeOf(operation)), operation.id)
      if (scopeOf(operation) !== 'sign-in')
        assert.equal(operation.method === 'get', scopeOf(operation).endsWith(':read'), operation.id)
    }
  })

  test('the document names the scope and every error of each, and groups them all', () => {
    const { tags, paths } = adminOpenApi('https://latchkey.example') as {
      tags: { name: string }[]
      // biome-ignore lint/suspicious/noExplicitAny: assertions look into it
      paths: Record<string, Record<string, any>>
    }
    assert.deepEqual(new Set(tags.map(({ name }) => name)), new Set(ADMIN_OPERATIONS.map(({ tag }) => tag)))
    for (const operation of ADMIN_OPERATIONS) {
      const entry = paths[operation.path.replaceAll(/:(\w+)/g, '{$1}')]?.[operation.method]
      assert.deepEqual(entry.security, [{ adminKey: [scopeOf(operation)] }], operation.id)
      for (const error of errorsOf(operation)) {
        const { status, code } = ERRORS[error]
        const codes = entry.responses[status]?.content['application/problem+json'].schema.properties.code.enum
        assert.ok(codes?.includes(code), `${operation.id}: ${error}`)
      }
    }
  })
})

describe('strangers of /admin/v1', () => {
  let world: World
  let admin: AdminClient
  before(async () => {
    world = await createWorld({ worker: false, env: { TRUST_PROXY: '1' } })
    admin = await createAdminClient(world)
  })
  after(() => world[Symbol.asyncDispose]())

  const call = async (
    { method, path, example = {} }: (typeof ADMIN_OPERATIONS)[number],
    {
      idOf = () => 'nonsense',
      client = admin,
      headers = {},
    }: {
      idOf?: (name: string) => string
      client?: AdminClient
      headers?: Record<string, string>
    } = {},
  ) => {
    const asked = path.slice(PREFIX.length).replaceAll(/:(\w+)/g, (_, name: string) => idOf(name))
    return await client.call(method.toUpperCase(), asked, method === 'get' ? undefined : example, headers)
  }

  test('an unknown or malformed id is a 404 that changes nothing', async () => {
    const made = await countMade(world)
    for (const operation of ADMIN_OPERATIONS.filter(({ path }) => path.includes('/:'))) {
      const prefixes: Record<string, Parameters<typeof world.deps.ids.next>[0]> = {
        verifier: 'vrf',
        account: 'acct',
        user: 'usr',
        platform: 'plat',
        app: 'app',
        installation: 'ins',
        key: 'key',
        delivery: 'dlv',
      }
      const odd = ['nonsense', '..%2f..%2fetc', 'external:', 'external:nobody', '%F0%9F%94%91']
      const unused = (name: string) => world.deps.ids.next(prefixes[name] ?? 'req')
      for (const idOf of [unused, ...odd.map(text => () => text)]) {
        const { status, body } = await call(operation, { idOf })
        assert.deepEqual([status, body['code']], [404, 'not_found'], `${operation.id} ${idOf('key')}`)
      }
    }
    assert.deepEqual(await countMade(world), made)
  })

  test('401 with a challenge: no key, another kind, a wrong checksum, expired, revoked, or from elsewhere', async () => {
    const expired = await createAdminClient(world, { expiresAt: world.clock.now() })
    const elsewhere = await createAdminClient(world, { addresses: ['203.0.113.0/24'] })
    const revoked = await createAdminClient(world)
    await world.deps.database.knex('admin_keys').where({ id: revoked.keyId }).update({ revoked_at: 1 })
    const wrong = ['', 'Basic eDp5', 'Bearer', `Bearer ${admin.key}x`, `Bearer ${admin.key.slice(0, -1)}_`]
    const others = [expired.key, elsewhere.key, revoked.key, world.verifierKey].map(key => `Bearer ${key}`)
    for (const operation of ADMIN_OPERATIONS)
      for (const authorization of [...wrong, ...others]) {
        const { status, body, headers } = await call(operation, { headers: { authorization } })
        assert.deepEqual([status, body['code']], [401, 'unauthorized'], `${operation.id} ${authorization}`)
        assert.match(headers.get('www-authenticate') ?? '', /^Bearer realm="latchkey"/)
        assert.equal(headers.get('cache-control'), 'no-store')
      }
    const [operation] = ADMIN_OPERATIONS
    assert.ok(operation)
    const there = await call(operation, { client: elsewhere, headers: { 'x-forwarded-for': '203.0.113.7' } })
    assert.equal(there.status, statusOf(operation))
  })

  test('403 names the missing scope, before anything is read; write includes read', async () => {
    const without = new Map<Scope, AdminClient>()
    for (const scope of new Set(ADMIN_OPERATIONS.map(scopeOf))) {
      const enough = [scope, scope.replace(':read', ':write')]
      without.set(scope, await createAdminClient(world, { scopes: SCOPES.filter(other => !enough.includes(other)) }))
    }
    const made = await countMade(world)
    for (const operation of ADMIN_OPERATIONS) {
      const scope = scopeOf(operation)
      const client = without.get(scope) as AdminClient
      const { status, body, headers } = await call(operation, { client })
      assert.deepEqual([status, body['code']], [403, 'insufficient_scope'], operation.id)
      assert.ok(String(body['detail']).includes(scope), operation.id)
      const challenge = `Bearer realm="latchkey", error="insufficient_scope", scope="${scope}"`
      assert.equal(headers.get('www-authenticate'), challenge)
    }
    assert.deepEqual(await countMade(world), made)
    for (const operation of ADMIN_OPERATIONS.filter(({ path, method }) => method === 'get' && !path.includes('/:'))) {
      const scopes = [scopeOf(operation).replace(':read', ':write') as Scope]
      const client = await createAdminClient(world, { scopes })
      assert.equal((await call(operation, { client })).status, 200, operation.id)
    }
  })
})

test('/admin/openapi.json and /admin/reference are there, and what is below /admin/v1 and no call is a 404', async () => {
  await using world = await createWorld({ worker: false })
  const document = (await (await fetch(`${world.url}/admin/openapi.json`)).json()) as { openapi: string }
  assert.equal(document.openapi, '3.1.0')
  const text = JSON.stringify(document)
  const { schemas } = (document as unknown as { components: { schemas: object } }).components
  for (const [, name = ''] of text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g))
    assert.ok(Object.hasOwn(schemas, name), name)
  const page = await fetch(`${world.url}/admin/reference`)
  assert.equal(page.status, 200)
  assert.match(await page.text(), /data-document="\/admin\/openapi\.json"/)
  const client = await createAdminClient(world)
  const nothing = await client.call('GET', '/nothing')
  assert.deepEqual([nothing.status, nothing.body['code']], [404, 'not_found'])
})

test('each admin key has 1,200 calls a minute, and the next one is a 429 with Retry-After', async () => {
  await using world = await createWorld({ worker: false, env: { RATE_LIMITS: 'on' } })
  const [client, other] = [await createAdminClient(world), await createAdminClient(world)]
  for (let spent = 0; spent < 1_200; spent += 1) await world.deps.limits.spend(['admin', client.keyId])
  const refused = await client.call('GET', '/verifiers')
  assert.deepEqual([refused.status, refused.body['code']], [429, 'rate_limited'])
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  assert.equal((await other.call('GET', '/verifiers')).status, 200)
})
