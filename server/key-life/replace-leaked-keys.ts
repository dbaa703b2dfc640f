import { findRecipientKey } from '../../apps-registry/current-recipient.ts'
import { findApp } from '../../apps-registry/find-app.ts'
import type { Database } from '../../db/connect.ts'
import { type Actor, SYSTEM } from '../audit/actor.ts'
import { MINUTE } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Outbound } from '../base/outbound.ts'
import type { Key } from '../keys/find-keys.ts'
import { pageLeakedKeys } from '../keys/list-keys.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import { logForKeyAccounts } from './change-app.ts'
import { lockKeyAndInstallation } from './lock-key.ts'
import { rotateManagedKey } from './rotate-managed-key.ts'

export type ReplaceCaps = MintCaps & { database: Database; outbound: Outbound }

/** How long the process that took the report has for the replacement before this runner takes over. */
const GRACE = MINUTE
const AT_ONCE = 200

/**
 * Replaces every frozen leaked key that has no replacement yet, because a process died or the app had no usable encryption
 * key. A key that fails is skipped until the next run. Returns when to run again.
 */
export async function replaceLeakedKeys(caps: ReplaceCaps & { log: Log }): Promise<number | undefined> {
  const at = caps.clock.now()
  let after: { frozenAt: number; id: string } | undefined
  const isLeft = ({ frozenAt }: Key) => (frozenAt ?? 0) <= at - GRACE || (frozenAt ?? 0) > at // the clock was set back
  do {
    const from = after
    const leaked = await caps.database.read(tx => pageLeakedKeys(tx, from, AT_ONCE))
    const last = leaked.at(-1)
    after = last && { frozenAt: last.frozenAt ?? 0, id: last.id }
    for (const key of leaked.filter(isLeft)) {
      try {
        await replaceLeakedKey(caps, key, SYSTEM)
      } catch (error) {
        caps.log.error({ err: error, key: key.id }, 'a leaked key could not be replaced; retrying')
      }
    }
  } while (after)
  const left = await caps.database.read(tx => pageLeakedKeys(tx, undefined, 1))
  return left.length > 0 ? at + GRACE : undefined
}

/**
 * Rotates one leaked key without an overlap. Does nothing if it was unfrozen, has expired, or no longer belongs to a
 * platform.
 */
export async function replaceLeakedKey(caps: ReplaceCaps, key: Key, actor: Actor): Promise<void> {
  const { appId } = key
  if (appId === null || key.keptAt !== null) return
  const app = await caps.database.read(tx => findApp(tx, appId))
  if (!app) return
  const recipient = await findRecipientKey(
    { ...caps, logForKeyAccounts: (tx, appId, acts) => logForKeyAccounts(tx, caps, appId, acts) },
    app,
  )
  try {
    await caps.database.transaction(async tx => {
      const { key: current } = await lockKeyAndInstallation(tx, key)
      if (current.frozenBy !== 'leak_report') return
      await rotateManagedKey(tx, caps, {
        key: current,
        overlapSeconds: 0,
        force: true,
        recipient,
        reason: 'leaked',
        actor,
      })
    })
  } catch (error) {
    // Uninstalled or expired in the meantime: there is nothing to replace, and the key is frozen.
    if (!(error instanceof AppError)) throw error
  }
}
