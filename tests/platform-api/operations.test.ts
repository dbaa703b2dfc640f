import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { clientCredentialsGrant } from 'openid-client'
import { ERRORS } from '../../server/base/errors.ts'
import { errorsOf, statusOf } from '../../server/http/operation.ts'
import { OPERATIONS } from '../../server/platform-api/operations.ts'
import { platformOpenApi } from '../../server/platform-api/platform-openapi.ts'
import { countMade, withoutRequestId } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

const FOLDER = new URL('../../server/platform-api/operations/', import.meta.url)
const SOURCES = readdirSync(FOLDER).map(name => readFileSync(new URL(name, FOLDER), 'utf8'))

describe('the operations of /v1', () => {
  test('each has a file of its own, which contains its path as text', () => {
    assert.equal(SOURCES.length, OPERATIONS.length)
    for (const { method, path } of OPERATIONS) {
      const found = SOURCES.filter(
        source => source.includes(`  path: '${path}',\n`) && source.includes(`  method: '${method}',\n`),
      )
      assert.equal(found.length, 1, `${method} ${path}`)
    }
  })

  test('each has an id of its own, one success status, a valid body, and errors of one cause each', () => {
    assert.equal(new Set(OPERATIONS.map(({ id }) => id)).size, OPERATIONS.length)
    for (const operation of OPERATIONS) {
      const status = statusOf(operation)
      assert.ok(status >= 200 && status < 300, operation.id)
      if (operation.body) assert.ok(operation.body.safeParse(operation.example ?? {}).success, operation.id)
      assert.equal(new Set(operation.errors).size, operation.errors.length, operation.id)
    }
  })

  test('the reference groups all of them, and no group is empty', () => {
    const { tags } = platformOpenApi('https://latchkey.example') as { tags: { name: string }[] }
    assert.deepEqual(new Set(tags.map(({ name }) => name)), new Set(OPERATIONS.map(({ tag }) => tag)))
  })

  test('the document lists every error of each, by its status', () => {
    type Problem = { content: { 'application/problem+json': { schema: { properties: { code: { enum: string[] } } } } } }
    const { paths } = platformOpenApi('https://latchkey.example') as {
      paths: Record<string, Record<string, { responses: Record<string, Problem> }>>
    }
    for (const operation of OPERATIONS) {
      const { responses } = paths[operation.path.replaceAll(/:(\w+)/g, '{$1}')]?.[operation.method] ?? {}
      for (const error of errorsOf(operation)) {
        const { status, code } = ERRORS[error]
        const codes = responses?.[status]?.content['application/problem+json'].schema.properties.code.enum
        assert.ok(codes?.includes(code), `${operation.id}: ${error}`)
      }
    }
  })
})

describe('strangers of /v1', () => {
  let world: World
  let owned: Owned
  before(async () => {
    world = await createWorld({ worker: false })
    owned = await createOwned(world)
  })
  after(() => world[Symbol.asyncDispose]())

  for (const operation of OPERATIONS.filter(({ path }) => path.includes('/:'))) {
    const name = `${operation.method.toUpperCase()} ${operation.path}`
    test(`${name}: another app, and another installation’s token, get the response for an unknown id`, async () => {
      const made = await countMade(world)
      for (const token of owned.strangers) {
        const theirs = await ask(world, operation, token, name => owned.ids[name])
        const none = await ask(world, operation, token, name => unused(world, name))
        assert.equal(theirs.status, 404)
        assert.deepEqual(theirs, none)
        for (const odd of ['nonsense', `${owned.ids['key']}x`, '..%2f..%2fetc'])
          assert.equal((await ask(world, operation, token, () => odd)).status, 404, odd)
      }
      assert.deepEqual(await countMade(world), made)
    })
  }

  test('a list has nothing of the other app', async () => {
    const lists = OPERATIONS.filter(
      ({ method, path, access }) => method === 'get' && !path.includes('/:') && access.scheme === 'accessToken',
    )
    assert.ok(lists.length > 0)
    for (const operation of lists) {
      for (const token of owned.strangers) {
        const { status, text } = await ask(world, operation, token, () => undefined)
        assert.equal(status, 200, operation.id)
        for (const id of Object.values(owned.ids)) assert.ok(!text.includes(String(id)), `${operation.id} shows ${id}`)
      }
    }
  })

  test('without a credential each that needs one is 401, before it reads anything else', async () => {
    for (const operation of OPERATIONS.filter(({ access }) => access.scheme !== undefined)) {
      const { status } = await ask(world, operation, 'nonsense', () => 'nonsense', '[]')
      assert.equal(status, 401, operation.id)
    }
  })
})

type Owned = { ids: Record<string, string | undefined>; strangers: string[] }

/** An installation with its keys and deliveries; tokens of another app and of another installation of the same one. */
async function createOwned(world: World): Promise<Owned> {
  const [app, other] = [await world.app(), await world.app()]
  const installed = await world.install(await world.person(), app)
  const knex = world.deps.database.knex
  const key = await knex('keys').where({ installation_id: installed.id }).first('id')
  const delivery = await knex('deliveries').where({ installation_id: installed.id }).first('id')
  const beside = await world.install(await world.person(), app)
  const { access_token: elsewhere } = await clientCredentialsGrant(other.client)
  return {
    ids: { installation: installed.id, key: key?.id, delivery: delivery?.id },
    strangers: [elsewhere, beside.tokens.access_token],
  }
}

const unused = (world: World, name: string) =>
  world.deps.ids.next(({ installation: 'ins', key: 'key', delivery: 'dlv' } as const)[name] ?? 'req')

/** A response without its request id and time. */
async function ask(
  world: World,
  { method, path, example = {} }: (typeof OPERATIONS)[number],
  token: string,
  idOf: (name: string) => string | undefined,
  body = JSON.stringify(example),
): Promise<{ status: number; text: string; headers: unknown }> {
  const asked = path.replaceAll(/:(\w+)/g, (_, name: string) => idOf(name) ?? '')
  const answer = await fetch(world.url + asked, {
    method: method.toUpperCase(),
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(method !== 'get' && { body }),
  })
  const text = withoutRequestId(await answer.text())
  return { status: answer.status, text, headers: Object.entries({ ...Object.fromEntries(answer.headers), date: '' }) }
}
