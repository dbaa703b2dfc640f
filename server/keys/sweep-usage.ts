import type { Database } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { deleteAddressesUpTo, deleteUsageBefore, listCrowded } from './usage-store.ts'

/** Nothing looks back further than 30 days; what is older helps people who look into something that has happened. */
const KEPT = 90 * DAY
/** Small enough that no batch of usage waits for it. */
const BATCH = 500
/** Of one key; the latest stay. */
const MOST_ADDRESSES = 1_000

/** Deletes what keys did more than 90 days ago, and addresses beyond the latest thousand of a key; answers how many rows. */
export async function sweepUsage(database: Database, at: number): Promise<number> {
  let swept = 0
  for (;;) {
    const counts = await database.transaction(tx => deleteUsageBefore(tx, at - KEPT, BATCH))
    swept += counts.reduce((sum, count) => sum + count, 0)
    if (counts.every(count => count < BATCH)) break
  }
  for (const { key_id, since } of await database.read(tx => listCrowded(tx, MOST_ADDRESSES)))
    swept += await database.transaction(tx => deleteAddressesUpTo(tx, key_id, since))
  return swept
}
