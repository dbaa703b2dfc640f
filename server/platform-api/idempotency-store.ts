import type { Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'

/** A table of stored responses, and the column with the caller. */
export type RequestTable = { table: 'idempotent_requests' | 'admin_requests'; caller: 'app_id' | 'admin_key_id' }

/** The `Idempotency-Key` of a caller for a path. */
export type RequestKey = { caller: string; path: string; keyHash: string }

export type IdempotentRequest = { body_hash: string; answer: string | null; created_at: number }

const rowOf = ({ caller: column }: RequestTable, { caller, path, keyHash }: RequestKey) => ({
  [column]: caller,
  path,
  key_hash: keyHash,
})

/** The primary key. */
export const keyOf = ({ caller }: RequestTable) => [caller, 'path', 'key_hash']

/**
 * Claims a key for a request; false if another request claimed it at `since` or later. On PostgreSQL it waits for a concurrent
 * one.
 */
export async function claimRequest(
  tx: Tx,
  kept: RequestTable,
  key: RequestKey,
  request: Omit<IdempotentRequest, 'answer'>,
  since: number,
): Promise<boolean> {
  const rows = await tx(kept.table)
    .insert({ ...rowOf(kept, key), ...request, answer: null })
    .onConflict(keyOf(kept))
    .merge()
    .where(`${kept.table}.created_at`, '<', since)
    .returning('path')
  return rows.length === 1
}

/** A request made at `since` or later. */
export async function findRequest(
  tx: Tx,
  kept: RequestTable,
  key: RequestKey,
  since: number,
): Promise<IdempotentRequest | undefined> {
  return await tx(kept.table).where(rowOf(kept, key)).where('created_at', '>=', since).first()
}

export async function saveAnswer(tx: Tx, kept: RequestTable, key: RequestKey, answer: string): Promise<void> {
  await tx(kept.table).where(rowOf(kept, key)).update({ answer })
}

/** Deletes requests from before a time, at most `limit`; returns how many. */
export async function deleteRequestsBefore(tx: Tx, kept: RequestTable, before: number, limit: number): Promise<number> {
  const old = tx(kept.table).where('created_at', '<', before).orderBy('created_at')
  return await deleteFirst(tx, kept.table, keyOf(kept), old, limit)
}
