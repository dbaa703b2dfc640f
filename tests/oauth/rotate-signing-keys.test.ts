import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import { rotateSigningKeys } from '../../server/oauth/signing-keys.ts'
import { environmentBeside } from '../deliveries/node-beside.ts'
import { startServer } from '../deliveries/server-process.ts'
import { runInOneProcess } from '../support/child.ts'
import { eventually } from '../support/eventually.ts'
import { keysAt } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

const DAY = 86_400_000

async function publishedBy(url: string): Promise<string[]> {
  const { keys } = (await (await fetch(`${url}/oauth/jwks`)).json()) as { keys: { kid: string; d?: string }[] }
  assert.ok(keys.every(key => key.d === undefined))
  return keys.map(({ kid }) => kid)
}

test('every running process signs with the new key at once, and older signatures still verify', async () => {
  await using world = await createWorld({ worker: false })
  await using other = await startServer(world, { ROLES: 'web' })
  const app = await world.app()
  const scope = 'openid charges:read'
  const before = await world.install(await world.person(), app, { scope })
  const [old] = await publishedBy(world.url)
  const { stdout, stderr } = await runInOneProcess(environmentBeside(world), 'signing-keys', 'rotate')
  const rotated = JSON.parse(stdout || stderr) as { key_id: string }
  assert.deepEqual(rotated, { key_id: rotated.key_id, published: 2, retired: 0 })
  for (const url of [world.url, other.url])
    await eventually(async () => String(await publishedBy(url)) === String([rotated.key_id, old]))

  const after = await world.install(await world.person(), app, { scope })
  const kidOf = (tokens: Record<string, unknown>) => decodeProtectedHeader(String(tokens['id_token'])).kid
  assert.deepEqual([kidOf(before.tokens), kidOf(after.tokens)], [old, rotated.key_id])
  await world.deliver()
  assert.equal(keysAt(app).length, 2, 'keys sealed before and after the rotation both open')
  assert.deepEqual(
    app.receiver.events.flatMap(({ faults }) => faults),
    [],
  )
})

test('an old key is removed once nothing signed with it is valid any more', async () => {
  await using world = await createWorld({ worker: false })
  const { database } = world.deps
  const first = world.deps.signing.current.kid
  const second = (await rotateSigningKeys(database, world.deps)).kid
  world.clock.advance(89 * DAY)
  const third = await rotateSigningKeys(database, world.deps)
  assert.equal(third.retired, 0)
  world.clock.advance(2 * DAY)
  const fourth = await rotateSigningKeys(database, world.deps)
  assert.deepEqual([fourth.published, fourth.retired], [3, 1])
  await eventually(async () => String(await publishedBy(world.url)) === String([fourth.kid, third.kid, second]))
  assert.ok(!(await publishedBy(world.url)).includes(first))
})

test('two simultaneous rotations make two keys, and one of them signs everywhere', async () => {
  await using world = await createWorld({ worker: false })
  const { database } = world.deps
  await Promise.all([rotateSigningKeys(database, world.deps), rotateSigningKeys(database, world.deps)])
  await eventually(async () => (await publishedBy(world.url)).length === 3)
  await eventually(async () => (await publishedBy(world.url))[0] === world.deps.signing.current.kid)
})
