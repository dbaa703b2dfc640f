import fc from 'fast-check'
import { findApp } from '../../apps-registry/find-app.ts'
import { moveApp } from '../../apps-registry/move-app.ts'
import { takePermissions } from '../../server/installs/narrow-installation.ts'
import { expireOverdueKeys } from '../../server/key-life/expire-overdue-keys.ts'
import { replaceLeakedKeys } from '../../server/key-life/replace-leaked-keys.ts'
import { reportLeak } from '../../server/key-life/report-leak.ts'
import { uninstall } from '../support/steps.ts'
import type { ChainSetting, ShownKey } from './chain-setting.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** One act of a person, a platform or the server; `pick` selects among the keys of that moment. */
export type ChainAct =
  | { act: 'rotate'; by: 'platform' | 'account'; pick: number; overlap: number; force: boolean }
  | { act: 'mint'; lasts: number | null }
  | { act: 'expire'; by: 'platform' | 'account'; pick: number }
  | { act: 'deliver' | 'fail' | 'upkeep' | 'reinstall' | 'retry' | 'narrow' }
  | { act: 'failOnce' }
  | { act: 'redeliver'; pick: number }
  | { act: 'advance'; ms: number }
  | { act: 'uninstall'; keys: 'expire' | 'keep' | 'until' }
  | { act: 'freeze' | 'unfreeze' | 'leak'; pick: number }
  | { act: 'suspend' | 'resume'; by: 'platform' | 'account' | 'app' }

const pick = fc.nat({ max: 11 })
const party = fc.constantFrom('platform' as const, 'account' as const)

/** Rotations and their deliveries are frequent, ends are rare. */
export const chainAct: fc.Arbitrary<ChainAct> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      act: fc.constant('rotate' as const),
      by: party,
      pick,
      overlap: fc.constantFrom(0, 60, 7_200, 86_400, 604_800),
      force: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ act: fc.constant('deliver' as const) }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constantFrom('fail' as const, 'failOnce' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant('advance' as const),
      ms: fc.constantFrom(1, 59_000, 3 * HOUR, DAY, 3 * DAY),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constantFrom('upkeep' as const, 'retry' as const, 'narrow' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ act: fc.constant('mint' as const), lasts: fc.constantFrom(null, 2 * HOUR, 2 * DAY) }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('expire' as const), by: party, pick }) },
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constantFrom('freeze' as const, 'unfreeze' as const, 'leak' as const, 'redeliver' as const),
      pick,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('uninstall' as const),
      keys: fc.constantFrom('expire' as const, 'keep' as const, 'until' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('reinstall' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constantFrom('suspend' as const, 'resume' as const),
      by: fc.constantFrom('platform' as const, 'account' as const, 'app' as const),
    }),
  },
)

/** Performs one act through the real interfaces. A refused act changes nothing, which the checks after it verify. */
export async function perform(setting: ChainSetting, act: ChainAct, keys: readonly ShownKey[]): Promise<void> {
  const { world, app, person, installed } = setting
  const { receiver } = app
  const { browser } = person
  const chosen = 'pick' in act ? keys[act.pick % Math.max(keys.length, 1)] : undefined
  switch (act.act) {
    case 'rotate':
      if (!chosen) return
      if (act.by === 'platform')
        await setting.call('POST', `/v1/keys/${chosen.id}/rotate`, { overlap_seconds: act.overlap, force: act.force })
      else
        await browser.post(`/keys/${chosen.id}/rotate`, {
          overlap: act.overlap < 7_200 ? '0' : act.overlap === 604_800 ? '604800' : '86400',
          ...(act.force && { force: 'yes' }),
        })
      return
    case 'mint': {
      const ends = act.lasts && { expires_at: new Date(world.clock.now() + act.lasts).toISOString() }
      await setting.call('POST', `/v1/installations/${installed.id}/keys`, {
        name: 'more',
        permissions: ['charges:write'],
        ...ends,
      })
      return
    }
    case 'expire':
      if (!chosen) return
      if (act.by === 'platform') await setting.call('POST', `/v1/keys/${chosen.id}/expire`)
      else await browser.post(`/keys/${chosen.id}/expire`)
      return
    case 'deliver':
      await world.deliver()
      return
    case 'failOnce':
      receiver.behave({ status: 500 })
      await world.deliver()
      await world.deliver()
      return
    case 'fail': // until the schedule of the first pending event is exhausted
      receiver.behave({ status: 500 }, { status: 500 })
      await world.deliver()
      setting.advance(60_000)
      await world.deliver()
      return
    case 'redeliver': {
      const { body } = await setting.call('GET', '/v1/deliveries?limit=12')
      const listed = (body['data'] as { id: string }[]) ?? []
      const delivery = listed[act.pick % Math.max(listed.length, 1)]
      if (delivery) await setting.call('POST', `/v1/deliveries/${delivery.id}/redeliver`)
      return
    }
    case 'advance':
      setting.advance(act.ms)
      return
    case 'upkeep':
      await expireOverdueKeys(world.deps)
      await replaceLeakedKeys(world.deps)
      return
    case 'uninstall': {
      const until = new Date(world.clock.now() + 2 * DAY).toISOString().slice(0, 10)
      const page = await browser.get(`/apps/${installed.id}/uninstall`)
      if (page.status === 200) await uninstall(person, installed.id, { keys: act.keys, until })
      return
    }
    case 'reinstall':
      try {
        setting.installed = await world.install(person, app, { fields: { kept: 'leave' } })
      } catch {
        // installed already, or the app is suspended: nothing has changed
      }
      return
    case 'retry':
      await browser.post(`/apps/${installed.id}/retry`)
      return
    case 'narrow':
      await world.deps.database.transaction(async tx => {
        const found = await findApp(tx, app.id)
        const actor = { type: 'platform' as const, id: found?.platform.id ?? '', ip: '' }
        if (found)
          await takePermissions(tx, world.deps, found, installed.id, {
            removed: ['charges:write'],
            actor,
            at: world.clock.now(),
          })
      })
      return
    case 'freeze':
      if (chosen) await browser.post(`/keys/${chosen.id}/freeze`, { days: '7' })
      return
    case 'unfreeze':
      if (chosen) await browser.post(`/keys/${chosen.id}/unfreeze`, { knows: 'yes' })
      return
    case 'leak':
      if (chosen) await reportLeak(world.deps, setting.plaintexts.get(chosen.id) ?? '', '203.0.113.7')
      return
    case 'suspend':
    case 'resume':
      if (act.by === 'account') await browser.post(`/apps/${installed.id}/${act.act}`)
      else if (act.by === 'platform') await setting.call('POST', `/v1/installations/${installed.id}/${act.act}`)
      else {
        const actor = { type: 'operator' as const, id: 'tests', ip: '' }
        const command = { id: app.id, verb: act.act, actor } as const
        await world.deps.database.transaction(tx => moveApp(tx, world.deps, command)).catch(() => {})
      }
  }
}
