import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysAt, rowsOf, textOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

const LIMITS = { KEYS_PER_INSTALLATION: '2', KEYS_PER_ACCOUNT: '4' }

async function installed() {
  const world = await createWorld({ worker: false, env: LIMITS })
  const app = await world.app()
  const person = await world.person()
  const { id, tokens } = await world.install(person, app)
  await world.deliver()
  const call = async (path: string, body: object) => {
    const answer = await fetch(`${world.url}/v1/${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tokens.access_token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const working = async () => (await rowsOf(world, 'keys')).filter(row => row['status'] !== 'expired')
  return {
    world,
    app,
    person,
    id,
    call,
    working,
    mint: (name: string) => call(`installations/${id}/keys`, { name }),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

test('simultaneous mints succeed up to the limit of the installation, and the others name the limit', async () => {
  await using setting = await installed()
  const answers = await Promise.all(Array.from({ length: 6 }, (_, index) => setting.mint(`key ${index}`)))
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [201, 409, 409, 409, 409, 409])
  const refused = answers.find(({ status }) => status === 409)
  assert.equal(refused?.body['code'], 'key_limit_reached')
  assert.match(String(refused?.body['detail']), /this installation has 2 working keys/)
  const [first] = await setting.working()
  assert.equal((await setting.call(`keys/${first?.['id']}/expire`, {})).status, 200)
  assert.equal((await setting.mint('again')).status, 201, 'an expired key does not count')
})

test('a full installation can rotate each of its keys with an overlap, and one without an overlap at any time', async () => {
  await using setting = await installed()
  const { world, app, call, mint, working } = setting
  await mint('second')
  await world.deliver()
  const [one, two] = (await working()).map(row => String(row['id']))
  for (const id of [one, two]) assert.equal((await call(`keys/${id}/rotate`, {})).status, 201)
  await world.deliver()
  assert.equal((await working()).length, 4)
  const more = await call(`keys/${one}/rotate`, { force: true })
  assert.deepEqual([more.status, more.body['code']], [409, 'key_limit_reached'])
  assert.equal((await call(`keys/${one}/rotate`, { force: true, overlap_seconds: 0 })).status, 201)
  assert.equal((await world.verify(keysAt(app)[0] ?? ''))['code'], 'expired')
})

test('restricted keys count for the account; the form says so and keeps what was typed', async () => {
  await using setting = await installed()
  const { world, person, mint, working } = setting
  await mint('second')
  const form = async () => (await person.browser.get('/keys/new')).form('/keys/new')
  const typed = { name: 'Nightly export', mode: 'test', permissions: 'charges:read' }
  const press = async () => (await person.browser.submit(await form(), typed)).status
  const pressed = await Promise.all(Array.from({ length: 5 }, press))
  assert.deepEqual(pressed.toSorted(), [201, 201, 422, 422, 422])
  const page = await person.browser.submit(await form(), typed)
  assert.ok(textOf(page).includes('this account has 4 working keys'))
  assert.ok(page.text.includes('value="Nightly export"'))
  assert.equal((await working()).length, 4)
  const other = await world.person()
  assert.equal(
    (await other.browser.submit((await other.browser.get('/keys/new')).form('/keys/new'), typed)).status,
    201,
  )
})

test('an install that would exceed the limit makes nothing', async () => {
  await using world = await createWorld({ worker: false, env: LIMITS })
  const app = await world.app({ metadata: { managed_keys: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] } })
  const person = await world.person()
  const { slug } = (await world.deps.database.knex('apps').where({ id: app.id }).first('slug')) as { slug: string }
  const page = await person.browser.get(`/interaction/install/${slug}`)
  const refused = await person.browser.submit(page.form('/interaction/'), { decision: 'install' })
  assert.equal(refused.status, 409)
  assert.ok(textOf(refused).includes('this installation has 2 working keys'))
  assert.deepEqual([await rowsOf(world, 'installations'), await rowsOf(world, 'keys')], [[], []])
})
