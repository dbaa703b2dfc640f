import type { Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'

export type IdempotentRequest = {
  app_id: string
  path: string
  key_hash: string
  body_hash: string
  answer: string | null
  created_at: number
}

const requestKey = ({ app_id, path, key_hash }: Pick<IdempotentRequest, 'app_id' | 'path' | 'key_hash'>) => ({
  app_id,
  path,
  key_hash,
})

/**
 * Claims a key for a request; false if another request claimed it at `since` or later. On PostgreSQL it waits for
 * one that is under way.
 */
export async function claimRequest(
  tx: Tx,
  request: Omit<IdempotentRequest, 'answer'>,
  since: number,
): Promise<boolean> {
  const rows = await tx('idempotent_requests')
    .insert({ ...request, answer: null })
    .onConflict(['app_id', 'path', 'key_hash'])
    .merge()
    .where('idempotent_requests.created_at', '<', since)
    .returning('app_id')
  return rows.length === 1
}

/** A request that was made at `since` or later. */
export async function findRequest(
  tx: Tx,
  where: Pick<IdempotentRequest, 'app_id' | 'path' | 'key_hash'>,
  since: number,
): Promise<IdempotentRequest | undefined> {
  return await tx('idempotent_requests').where(requestKey(where)).where('created_at', '>=', since).first()
}

export async function saveAnswer(
  tx: Tx,
  where: Pick<IdempotentRequest, 'app_id' | 'path' | 'key_hash'>,
  answer: string,
): Promise<void> {
  await tx('idempotent_requests').where(requestKey(where)).update({ answer })
}

/** Deletes some requests from before a time; returns how many. */
export async function deleteRequestsBefore(tx: Tx, before: number, limit: number): Promise<number> {
  const old = tx('idempotent_requests').where('created_at', '<', before).orderBy('created_at')
  return await deleteFirst(tx, 'idempotent_requests', ['app_id', 'path', 'key_hash'], old, limit)
}
