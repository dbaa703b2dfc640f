import type { Database } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import type { Caps } from '../base/caps.ts'
import { MINUTE } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { hashSecret, isWellFormedSecret } from '../base/secret-format.ts'
import type { Key } from '../keys/find-keys.ts'
import { deleteLeakReport, insertLeakReport, type LeakReport, listLeakReports } from './leak-report-store.ts'
import { type ReplaceCaps, replaceLeakedKey } from './replace-leaked-keys.ts'
import { freezeLeaked } from './report-leak.ts'

/** How long the process that took a report has before another one takes over. */
const GRACE = MINUTE
const AT_ONCE = 100

/** Stores a report until it is processed. It costs the same for any tokens: no key is looked up. */
export async function takeLeakReport(
  { database, clock, ids }: Pick<Caps, 'clock' | 'ids'> & { database: Database },
  tokens: readonly string[],
  address: string,
): Promise<LeakReport> {
  const hashes = [...new Set(tokens)].filter(isWellFormedSecret).map(hashSecret)
  const report = { id: ids.next('leak'), hashes, address, reportedAt: clock.now() }
  await database.transaction(tx => insertLeakReport(tx, report))
  return report
}

/**
 * Freezes the reported working keys, then replaces the managed ones. Once all are frozen the report is deleted:
 * `replaceLeakedKeys` finds frozen keys without a replacement.
 */
export async function dealWithLeakReport(
  caps: ReplaceCaps & { log: Log },
  { id, hashes, address }: LeakReport,
): Promise<void> {
  const actor: Actor = { type: 'system', id: 'leak-report', ip: address }
  const frozen: Key[] = []
  for (const hash of hashes) {
    const key = await caps.database.transaction(tx => freezeLeaked(tx, caps, hash, actor))
    if (key) frozen.push(key)
  }
  await caps.database.transaction(tx => deleteLeakReport(tx, id))
  for (const key of frozen) {
    await replaceLeakedKey(caps, key, actor).catch(error =>
      caps.log.error({ err: error, key: key.id }, 'a leaked key could not be replaced; retrying'),
    )
  }
}

/** Processes reports of processes that died or failed. Returns when to run again. */
export async function dealWithLeftReports(caps: ReplaceCaps & { log: Log }): Promise<number | undefined> {
  const at = caps.clock.now()
  const reports = await caps.database.read(tx => listLeakReports(tx, AT_ONCE))
  for (const report of reports.filter(({ reportedAt }) => reportedAt <= at - GRACE || reportedAt > at)) {
    await dealWithLeakReport(caps, report).catch(error =>
      caps.log.error({ err: error, report: report.id }, 'a leak report could not be processed; retrying'),
    )
  }
  return reports.length > 0 ? at + GRACE : undefined
}
