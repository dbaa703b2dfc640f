import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import { countMade } from '../support/steps.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { DAY, installManaged, keyRow, reportLeak } from './key-steps.ts'

const ip = '203.0.113.7'

async function rotateAsPlatform(world: World, app: PublishedApp, keyId: string, overlapSeconds: number) {
  const { access_token } = await oauth.clientCredentialsGrant(app.client)
  const answer = await fetch(`${world.url}/v1/keys/${keyId}/rotate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ overlap_seconds: overlapSeconds }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

for (const [who, rotate] of [
  ['its platform', (world, { app, keyId }) => rotateAsPlatform(world, app, keyId, 0)],
  ['the account', (_, { person, keyId }) => person.browser.post(`/keys/${keyId}/rotate`, { overlap: '0' })],
  ['a leak report', (world, { key }) => reportLeak(world, key)],
] as const satisfies [string, (world: World, at: Awaited<ReturnType<typeof installManaged>>) => Promise<unknown>][]) {
  test(`the replacement of a managed key by ${who} keeps its allowed addresses`, async () => {
    await using world = await createWorld()
    const setting = await installManaged(world)
    await setting.person.browser.post(`/keys/${setting.keyId}/edit`, { addresses: ip })
    await rotate(world, setting)
    const { key } = await setting.app.receiver.waitFor('managed_key.rotated')
    assert.equal((await world.verify(key ?? ''))['code'], 'ip_not_allowed')
    assert.equal((await world.verify(key ?? '', { ip: '198.51.100.1' }))['code'], 'ip_not_allowed')
    assert.equal((await world.verify(key ?? '', { ip }))['valid'], true)
  })
}

test('a platform cannot replace a key frozen by its account; the account can, and so can the platform after a leak', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person, key, keyId } = await installManaged(world)
  await person.browser.post(`/keys/${keyId}/freeze`, { days: '7' })
  const before = [await countMade(world), await keyRow(world, keyId)]
  for (const overlap of [0, DAY / 1_000]) {
    const { status, body } = await rotateAsPlatform(world, app, keyId, overlap)
    assert.deepEqual([status, body['code']], [409, 'key_frozen'])
    assert.match(String(body['detail']), /only the account can rotate a key that it has frozen/)
  }
  assert.deepEqual([await countMade(world), await keyRow(world, keyId)], before)
  assert.equal((await world.verify(key))['code'], 'frozen')
  const answer = await person.browser.post(`/keys/${keyId}/rotate`, { overlap: '0' })
  assert.equal(answer.status, 303)
  await world.deliver()
  const mine = await app.receiver.waitFor('managed_key.rotated')
  assert.equal((await world.verify(mine.key ?? ''))['valid'], true)
  const next = String(mine.body.data.key?.id)
  await world.deps.database.knex('keys').where({ id: next }).update({ frozen_at: 1, frozen_by: 'leak_report' })
  assert.equal((await rotateAsPlatform(world, app, next, 0)).status, 201)
})

test('a key minted for a time is replaced by one that ends no later, with the same note', async () => {
  await using world = await createWorld({ worker: false })
  const { app, id } = await installManaged(world)
  const { access_token } = await oauth.clientCredentialsGrant(app.client)
  const post = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' }
    const answer = await fetch(world.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    return (await answer.json()) as Record<string, unknown>
  }
  const ends = new Date(world.clock.now() + 30 * DAY).toISOString()
  const limited = await post(`/v1/installations/${id}/keys`, { name: 'month', expires_at: ends, note: 'for the audit' })
  await world.deliver()
  const next = await post(`/v1/keys/${limited['id']}/rotate`, { overlap_seconds: 60 })
  assert.deepEqual([next['expires_at'], next['note']], [ends, 'for the audit'])
  await world.deliver()
  const endless = await post(`/v1/installations/${id}/keys`, { name: 'endless' })
  await world.deliver()
  const second = await post(`/v1/keys/${endless['id']}/rotate`, { overlap_seconds: 60 })
  await world.deliver()
  const third = await post(`/v1/keys/${endless['id']}/rotate`, { overlap_seconds: 60, force: true })
  assert.deepEqual(
    [second['expires_at'], third['expires_at']],
    [null, null],
    'an overlap does not become the deadline of the next key',
  )
})
