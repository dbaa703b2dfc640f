import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { createWorld, type World } from '../support/world.ts'
import { type ChainAct, chainAct, perform } from './chain-acts.ts'
import { checkAgreement } from './chain-rules.ts'
import { ChainSetting, type Seen } from './chain-setting.ts'

/** For more and longer histories: `CHAIN_RUNS=200 CHAIN_LENGTH=40 CHAIN_SEED=1 node tests/run.ts key-chains`. */
const RUNS = Number(process.env['CHAIN_RUNS'] ?? 2)
const LENGTH = Number(process.env['CHAIN_LENGTH'] ?? 8)
/** A failure prints its seed, which repeats it. */
const SEED = Number(process.env['CHAIN_SEED'] ?? 7)

describe('chains of rotations', () => {
  let world: World
  before(async () => {
    world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '60' } })
  })
  after(() => world[Symbol.asyncDispose]())

  async function live(acts: readonly ChainAct[]): Promise<{ setting: ChainSetting; keys: Map<string, Seen> }> {
    const setting = await ChainSetting.create(world)
    let keys = await setting.see()
    for (const act of acts) {
      await perform(
        setting,
        act,
        [...keys.values()].map(({ shown }) => shown),
      )
      const next = await setting.see()
      checkAgreement(next, keys, world.clock.now())
      keys = next
    }
    return { setting, keys }
  }

  test('after any acts, verification, lists and events agree, and every replaced key has an end', async () => {
    const history = fc.array(chainAct, { minLength: 1, maxLength: LENGTH, size: 'max' })
    const property = fc.asyncProperty(history, async acts => void (await live(acts)))
    await fc.assert(property, { numRuns: RUNS, seed: SEED, verbose: 1 })
  })

  test('a new key that is replaced before it arrives: its predecessor ends once the last one has arrived', async () => {
    const rotate = { act: 'rotate', by: 'platform', force: false } as const
    const { setting, keys } = await live([
      { act: 'deliver' },
      { ...rotate, pick: 0, overlap: 86_400 },
      { ...rotate, pick: 0, overlap: 0 }, // the newest is listed first
      { act: 'deliver' },
    ])
    const statuses = [...keys.values()].map(({ shown }) => shown.status)
    assert.deepEqual(statuses, ['active', 'expired', 'expiring'])
    setting.advance(86_400_001)
    const later = [...(await setting.see()).values()]
    assert.deepEqual(
      later.map(({ verdict }) => verdict.code),
      [undefined, 'expired', 'expired'],
    )
  })

  test('a new key that never arrived, then Keep: the old key is kept without an end, and shown as kept', async () => {
    const { keys } = await live([
      { act: 'deliver' },
      { act: 'rotate', by: 'platform', force: false, pick: 0, overlap: 60 },
      { act: 'advance', ms: 86_400_000 },
      { act: 'uninstall', keys: 'keep' },
    ])
    const [fresh, old] = [...keys.values()]
    assert.deepEqual([fresh?.verdict.code, old?.verdict.valid, old?.verdict.expires_at], ['expired', true, null])
    assert.deepEqual([old?.shown.status, old?.page, old?.told], ['active', 'Kept', null])
  })
})
