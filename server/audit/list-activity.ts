import type { Tx } from '../../db/connect.ts'
import { type ActivityRow, listActivity as listRows } from './activity-store.ts'

export type { ActivityRow } from './activity-store.ts'

/** Entries of an account's log, the newest first, those numbered below `before`. */
export async function listActivity(tx: Tx, accountId: string, before: number, limit: number): Promise<ActivityRow[]> {
  return await listRows(tx, accountId, before, limit)
}
