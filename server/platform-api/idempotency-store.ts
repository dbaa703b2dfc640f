import type { Tx } from '../../db/connect.ts'

export type IdempotentRequest = {
  app_id: string
  path: string
  key_hash: string
  body_hash: string
  answer: string | null
  created_at: number
}

const place = ({ app_id, path, key_hash }: Pick<IdempotentRequest, 'app_id' | 'path' | 'key_hash'>) => ({
  app_id,
  path,
  key_hash,
})

/** Takes the place of a request; false where it is taken. On PostgreSQL it waits for one that is under way. */
export async function takePlace(tx: Tx, request: Omit<IdempotentRequest, 'answer'>): Promise<boolean> {
  const rows = await tx('idempotent_requests')
    .insert(request)
    .onConflict(['app_id', 'path', 'key_hash'])
    .ignore()
    .returning('app_id')
  return rows.length === 1
}

/** A request that was made at `since` or later. */
export async function findRequest(
  tx: Tx,
  where: Pick<IdempotentRequest, 'app_id' | 'path' | 'key_hash'>,
  since: number,
): Promise<IdempotentRequest | undefined> {
  return await tx('idempotent_requests').where(place(where)).where('created_at', '>=', since).first()
}

export async function saveAnswer(
  tx: Tx,
  where: Pick<IdempotentRequest, 'app_id' | 'path' | 'key_hash'>,
  answer: string,
): Promise<void> {
  await tx('idempotent_requests').where(place(where)).update({ answer })
}

export async function deleteRequestsBefore(tx: Tx, at: number): Promise<number> {
  return await tx('idempotent_requests').where('created_at', '<', at).delete()
}
