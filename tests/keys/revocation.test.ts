import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { moveApp } from '../../apps-registry/move-app.ts'
import { SYSTEM } from '../../server/audit/actor.ts'
import { retireApp } from '../../server/key-life/change-app.ts'
import { sweep } from '../../server/sweep.ts'
import { eventually } from '../support/eventually.ts'
import { keyAt, rowsOf, uninstall } from '../support/steps.ts'
import { createWorld, type Person, type PublishedApp, type World } from '../support/world.ts'
import { cuttableChannel } from './cut-channel.ts'
import { listeningNode } from './node-with-listener.ts'

type Setting = AsyncDisposable & {
  world: World
  app: PublishedApp
  person: Person
  id: string
  key: string
  keyId: string
}

async function installed(): Promise<Setting> {
  const world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const [row] = await rowsOf(world, 'keys', { installation_id: id })
  const keyId = String(row?.['id'])
  return { world, app, person, id, key: keyAt(app), keyId, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}

/** Returns once the node verifies from memory. */
async function warm(node: { deps: World['deps'] }, verify: () => Promise<Record<string, unknown>>): Promise<void> {
  await eventually(async () => {
    assert.equal((await verify())['valid'], true)
    return node.deps.database.changes.fresh() && node.deps.verification.copies() > 0
  })
}

const move = ({ world, app }: Setting, verb: 'suspend' | 'resume') =>
  world.deps.database.transaction(tx =>
    moveApp(tx, world.deps, { id: app.id, verb, actor: { type: 'operator', id: 'tests', ip: '' } }),
  )

/** Everything that can stop a key, with the code that it is refused with then. */
const STOPS: { name: string; code: string; stop(setting: Setting): Promise<unknown> }[] = [
  { name: 'Expire', code: 'expired', stop: ({ person, keyId }) => person.browser.post(`/keys/${keyId}/expire`) },
  { name: 'Uninstall with "expire"', code: 'expired', stop: ({ person, id }) => uninstall(person, id) },
  { name: 'Suspend', code: 'suspended', stop: ({ person, id }) => person.browser.post(`/apps/${id}/suspend`) },
  { name: 'the operator suspends the app', code: 'suspended', stop: setting => move(setting, 'suspend') },
  {
    name: 'a rotation without overlap',
    code: 'expired',
    stop: ({ person, keyId }) => person.browser.post(`/keys/${keyId}/rotate`, { overlap: '0' }),
  },
  {
    name: 'a leak report',
    code: 'expired',
    stop: async ({ world, key }) => {
      const frozen = Promise.withResolvers<void>() // the report responds before it is processed
      world.deps.database.changes.listen(change => change.startsWith('key:') && frozen.resolve())
      const body = JSON.stringify({ tokens: [key] })
      await fetch(`${world.url}/v1/leaks`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      await frozen.promise
    },
  },
  {
    name: 'the app is retired',
    code: 'expired',
    stop: ({ world, app: { registered } }) =>
      fetch(`${world.url}/oauth/register/${registered.client_id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${registered['registration_access_token']}` },
      }),
  },
]

for (const { name, code, stop } of STOPS) {
  test(`revocation is immediate: ${name}`, async () => {
    await using setting = await installed()
    const { world, key } = setting
    await using other = await listeningNode(world)
    await warm(world, () => world.verify(key))
    await warm(other, () => other.verify(key))
    await stop(setting)
    const refused = await world.verify(key)
    assert.ok(refused['code'] === code || refused['code'] === 'frozen', `at once, here: ${JSON.stringify(refused)}`)
    await refusedWithinASecond(performance.now(), () => other.verify(key))
  })
}

test('a resumed app’s keys work again, in this process and in others', async () => {
  await using setting = await installed()
  const { world, key } = setting
  await using other = await listeningNode(world)
  await warm(other, () => other.verify(key))
  await move(setting, 'suspend')
  await eventually(async () => (await other.verify(key))['code'] === 'suspended')
  await move(setting, 'resume')
  assert.equal((await world.verify(key))['valid'], true)
  await eventually(async () => (await other.verify(key))['valid'] === true)
})

test('a process that dies while it retires an app: its keys are refused, and the rest is done later', async () => {
  await using setting = await installed()
  const { world, app, id, key } = setting
  await retireApp(world.deps, { appId: app.id, actor: SYSTEM, batches: 0 })
  assert.equal((await world.verify(key))['code'], 'suspended')
  await sweep(world.deps)
  assert.equal((await world.verify(key))['code'], 'expired')
  assert.equal((await rowsOf(world, 'installations', { id }))[0]?.['status'], 'uninstalled')
})

test('revocation reaches a process whose change channel is cut silently within a second', async (t: TestContext) => {
  await using setting = await installed()
  const { world, person, key, keyId } = setting
  await using channel = await cuttableChannel(world)
  await using other = await listeningNode(world, channel.env)
  await warm(other, () => other.verify(key))
  channel.cut()
  await person.browser.post(`/keys/${keyId}/expire`)
  const answers = await refusedWithinASecond(performance.now(), () => other.verify(key))
  t.diagnostic(`${answers} answers before the first refusal`)
})

/**
 * Verifies without a pause; every call later than a second after `since` must be refused, however slow the machine is.
 */
async function refusedWithinASecond(since: number, ask: () => Promise<Record<string, unknown>>): Promise<number> {
  for (let answers = 0; ; answers += 1) {
    const asked = performance.now()
    const answer = await ask()
    if (answer['valid'] === false) return answers
    assert.equal(answer['valid'], true, JSON.stringify(answer))
    assert.ok(asked - since < 1_000, `still valid ${asked - since} ms later`)
  }
}

test('a deadline takes effect in a cached copy, to the millisecond, without a query', async () => {
  await using setting = await installed()
  const { world, person, key, keyId } = setting
  await person.browser.post(`/keys/${keyId}/rotate`, { overlap: '86400' })
  await world.deliver()
  const [old] = await rowsOf(world, 'keys', { id: keyId })
  const deadline = Number(old?.['expires_at'])
  assert.ok(deadline > world.clock.now())
  await warm(world, () => world.verify(key))
  world.clock.now = () => deadline - 1
  assert.equal((await world.verify(key))['valid'], true)
  world.clock.now = () => deadline
  assert.deepEqual(await world.verify(key), { valid: false, code: 'expired' })
})

test('known keys are verified from memory, and unknown ones do not displace them', async () => {
  await using setting = await installed()
  const { world, key } = setting
  await warm(world, () => world.verify(key))
  let reads = 0
  const { database } = world.deps
  const original = database.look
  database.look = work => {
    reads += 1
    return original(work)
  }
  for (let round = 0; round < 20; round += 1) assert.equal((await world.verify(key))['valid'], true)
  assert.ok(reads < 20, `${reads} reads in 20 verifications`) // none, except after the machine paused
})
