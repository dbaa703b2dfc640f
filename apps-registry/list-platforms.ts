import type { Tx } from '../db/connect.ts'
import { isAmong } from '../db/json-rows.ts'
import type { Platform } from './platform-store.ts'

type TokenView = { redacted: string; createdAt: number }

export type PlatformView = Platform & { tokens: TokenView[] }

/** An account's publisher profiles, oldest first, with the public parts of their current registration tokens. */
export async function listPlatforms(tx: Tx, accountId: string): Promise<PlatformView[]> {
  const rows: { id: string; account_id: string; name: string }[] = await tx('platforms')
    .where({ account_id: accountId })
    .orderBy('id')
  const tokens: { platform_id: string; redacted: string; created_at: number }[] = await tx('registration_tokens')
    .whereIn(
      'platform_id',
      rows.map(({ id }) => id),
    )
    .whereNull('revoked_at')
    .orderBy('created_at', 'desc')
  return rows.map(row => ({
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    tokens: tokens
      .filter(({ platform_id }) => platform_id === row.id)
      .map(({ redacted, created_at }) => ({ redacted, createdAt: created_at })),
  }))
}

/** The names of publishers by their ids. */
export async function platformNames(tx: Tx, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows: { id: string; name: string }[] = await tx('platforms')
    .whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
    .select('id', 'name')
  return new Map(rows.map(({ id, name }) => [id, name]))
}
