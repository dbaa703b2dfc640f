import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lockInstallation } from '../../server/installs/lock-installation.ts'
import { unfreezeKey } from '../../server/key-life/freeze-key.ts'
import { countMade } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'
import { eventually, installManaged, keyRow, makeKey, pressDuring, reportLeak } from './key-steps.ts'

for (const kind of ['managed', 'restricted'] as const) {
  test(`a leak report of a frozen ${kind} key also stops it while somebody unfreezes it`, async () => {
    await using world = await createWorld({ worker: false })
    const { person, key: managed, keyId } = await installManaged(world)
    const made = kind === 'managed' ? { key: managed, id: keyId } : await makeKey(world, person)
    await person.browser.post(`/keys/${made.id}/freeze`, { days: '7' })
    const actor = { type: 'user' as const, id: person.userId, ip: '', accountId: person.accountId }
    const command = { keyId: made.id, actor, knowsOfLeak: false }
    await pressDuring(
      world,
      tx => unfreezeKey(tx, world.deps, command),
      () => reportLeak(world, made.key),
    )
    await eventually(async () => (await keyRow(world, made.id))['frozen_by'] === 'leak_report')
    const code = kind === 'managed' ? 'expired' : 'frozen'
    await eventually(async () => (await world.verify(made.key))['code'] === code)
  })
}

for (const [act, fields] of [
  ['freeze', { days: '1' }],
  ['unfreeze', {}],
  ['edit', { addresses: '203.0.113.7' }],
  ['expire', {}],
  ['rotate', { overlap: '0' }],
] as const) {
  test(`a member who is demoted while their ${act} waits for the key is refused, and nothing changes`, async () => {
    await using world = await createWorld({ worker: false })
    const { person, id, keyId } = await installManaged(world)
    if (act === 'unfreeze') await person.browser.post(`/keys/${keyId}/freeze`, { days: '1' })
    const before = [await countMade(world), await keyRow(world, keyId)]
    const answer = await pressDuring(
      world,
      async tx => {
        await lockInstallation(tx, id)
        await tx('memberships').where({ user_id: person.userId }).update({ role: 'viewer' })
      },
      () => person.browser.post(`/keys/${keyId}/${act}`, fields),
    )
    assert.equal(answer.status, 403)
    assert.deepEqual([await countMade(world), await keyRow(world, keyId)], before)
  })
}
