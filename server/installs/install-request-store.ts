import type { Tx } from '../../db/connect.ts'
import type { Mode } from '../base/mode.ts'

export type InstallRequest = {
  id: string
  accountId: string
  appId: string
  mode: Mode
  userId: string
  note: string
  createdAt: number
}

type Row = {
  id: string
  account_id: string
  app_id: string
  mode: Mode
  user_id: string
  note: string
  created_at: number
}

const toRequest = (row: Row): InstallRequest => ({
  id: row.id,
  accountId: row.account_id,
  appId: row.app_id,
  mode: row.mode,
  userId: row.user_id,
  note: row.note,
  createdAt: Number(row.created_at),
})

/** Returns whether it is new: one person asks once for the same. */
export async function insertRequest(tx: Tx, request: InstallRequest): Promise<boolean> {
  const same = ['account_id', 'app_id', 'mode', 'user_id']
  const made: unknown[] = await tx('install_requests')
    .insert({
      id: request.id,
      account_id: request.accountId,
      app_id: request.appId,
      mode: request.mode,
      user_id: request.userId,
      note: request.note,
      created_at: request.createdAt,
    })
    .onConflict(same)
    .ignore()
    .returning('id')
  return made.length > 0
}

/** Open requests of an account, the oldest first. */
export async function listRequestRows(tx: Tx, accountId: string, most: number): Promise<InstallRequest[]> {
  const rows: Row[] = await tx('install_requests').where({ account_id: accountId }).orderBy('id').limit(most)
  return rows.map(toRequest)
}

/** Ends a request; undefined if it was answered before. */
export async function takeRequest(tx: Tx, accountId: string, id: string): Promise<InstallRequest | undefined> {
  const row: Row | undefined = await tx('install_requests').where({ account_id: accountId, id }).first()
  return row && (await tx('install_requests').where({ id }).delete()) > 0 ? toRequest(row) : undefined
}

/** Ends all requests for what has been installed. */
export async function takeRequestsFor(
  tx: Tx,
  { accountId, appId, mode }: { accountId: string; appId: string; mode: Mode },
): Promise<InstallRequest[]> {
  const rows: Row[] = await tx('install_requests').where({ account_id: accountId, app_id: appId, mode })
  const ended: InstallRequest[] = []
  for (const row of rows)
    if ((await tx('install_requests').where({ id: row.id }).delete()) > 0) ended.push(toRequest(row))
  return ended
}
