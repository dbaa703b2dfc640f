import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { environmentBeside } from '../deliveries/node-beside.ts'
import { type RunningServer, startServer } from '../support/child.ts'
import { keyAt, rowsOf, textOf } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

const PATIENCE = 30_000

async function settingWithServer() {
  const world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const server = await startServer({ ...environmentBeside(world), PORT: '0', ROLES: 'web' })
  return {
    world,
    app,
    person,
    id,
    server,
    key: keyAt(app),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

async function verifyAt({ url }: RunningServer, { verifierKey }: World, key: string): Promise<void> {
  const answer = await fetch(`${url}/v1/keys/verify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key, permission: 'charges:read', ip: '203.0.113.7' }),
  })
  const verdict = (await answer.json()) as { valid?: boolean }
  assert.equal(verdict.valid, true)
}

async function callsIn(world: World): Promise<number> {
  return (await rowsOf(world, 'key_usage_hours')).reduce((sum, row) => sum + Number(row['calls']), 0)
}

async function until(what: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!(await what())) {
    assert.ok(performance.now() < end, 'the page never changed')
    await delay(50)
  }
}

test('a single use of a new key in another process appears on the page without further calls', async () => {
  await using setting = await settingWithServer()
  const { world, person, server, key, id } = setting
  assert.ok(textOf(await person.browser.get(`/apps/${id}/uninstall`)).includes('Never'))
  await verifyAt(server, world, key)
  await until(async () => textOf(await person.browser.get(`/apps/${id}/uninstall`)).includes('203.0.113.7'))
  assert.ok(textOf(await person.browser.get('/keys')).includes('Just now'))
})

test('an orderly stop right after a use loses nothing', async () => {
  await using setting = await settingWithServer()
  const { world, server, key } = setting
  for (let calls = 0; calls < 5; calls += 1) await verifyAt(server, world, key)
  const ended = await server.stop('SIGTERM')
  assert.equal(ended.code, 0, ended.stderr)
  assert.equal(await callsIn(world), 5)
})

test('kill -9 loses the last batch at most: what was written before stays and is counted on after a restart', async () => {
  await using setting = await settingWithServer()
  const { world, person, server, key, id } = setting
  for (let calls = 0; calls < 3; calls += 1) await verifyAt(server, world, key)
  await until(async () => (await callsIn(world)) === 3)
  await verifyAt(server, world, key)
  await server.stop('SIGKILL')
  const left = await callsIn(world)
  assert.ok(left === 3 || left === 4, String(left))
  await using restarted = await startServer({ ...environmentBeside(world), PORT: '0', ROLES: 'web' })
  await verifyAt(restarted, world, key)
  await until(async () => (await callsIn(world)) === left + 1)
  assert.ok(textOf(await person.browser.get(`/apps/${id}/uninstall`)).includes('203.0.113.7'))
})
