import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mintSecret } from '../../server/base/secret-format.ts'
import { createWorld } from '../support/world.ts'

test('a leaked key is refused at once and replaced without a person; the response reveals nothing about any token', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person()
  await world.install(person, app)
  const { key } = await app.receiver.waitFor('managed_key.created')
  const report = async (tokens: unknown) => {
    const answer = await fetch(`${world.url}/v1/leaks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tokens }),
    })
    return { status: answer.status, body: await answer.text() }
  }
  const invented = mintSecret(world.deps.random, 'lkm_live_')
  const nothing = await report([invented])
  assert.equal(nothing.status, 202)
  assert.deepEqual(await report([key]), nothing)
  const rotated = await app.receiver.waitFor('managed_key.rotated')
  assert.equal(rotated.body.data.reason, 'leaked')
  assert.equal((await world.verify(key ?? ''))['code'], 'expired')
  assert.equal((await world.verify(rotated.key ?? ''))['valid'], true)
  assert.match((await person.browser.get('/activity')).text, /key\.leaked/)
  assert.match((await app.platform.person.browser.get('/activity')).text, /key\.leaked/)
  assert.deepEqual(await report([key]), nothing) // a repeated report changes nothing
  for (const tokens of [[], 'text', [1], Array.from({ length: 51 }, () => 'x')])
    assert.equal((await report(tokens)).status, 400)
})

test('reports are limited for each address', async () => {
  await using world = await createWorld({ env: { RATE_LIMITS: 'on' } })
  const statuses = new Set<number>()
  for (let count = 0; count < 31; count += 1) {
    const answer = await fetch(`${world.url}/v1/leaks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"tokens":["x"]}',
    })
    statuses.add(answer.status)
    if (answer.status === 429) assert.ok(Number(answer.headers.get('retry-after')) >= 1)
  }
  assert.deepEqual([...statuses], [202, 429])
})
