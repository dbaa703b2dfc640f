import { locked, type Tx } from '../db/connect.ts'

export type Platform = { id: string; accountId: string; name: string }

export async function insertPlatform(tx: Tx, platform: Platform & { at: number }): Promise<void> {
  await tx('platforms').insert({
    id: platform.id,
    account_id: platform.accountId,
    name: platform.name,
    created_at: platform.at,
  })
}

export async function insertRegistrationToken(
  tx: Tx,
  row: { tokenHash: string; platformId: string; redacted: string; at: number },
): Promise<void> {
  await tx('registration_tokens').insert({
    token_hash: row.tokenHash,
    platform_id: row.platformId,
    redacted: row.redacted,
    created_at: row.at,
  })
}

export async function findPlatformOfToken(tx: Tx, tokenHash: string): Promise<Platform | undefined> {
  const row: { id: string; account_id: string; name: string } | undefined = await tx('registration_tokens')
    .join('platforms', 'platforms.id', 'registration_tokens.platform_id')
    .where({ token_hash: tokenHash })
    .whereNull('revoked_at')
    .first('platforms.id', 'platforms.account_id', 'platforms.name')
  return row && { id: row.id, accountId: row.account_id, name: row.name }
}

/** Locks the platform's row, so that of two concurrent token rotations the second replaces the first. */
export async function lockPlatform(tx: Tx, id: string): Promise<void> {
  await locked(tx('platforms').where({ id })).first('id')
}

export async function revokeTokens(tx: Tx, platformId: string, at: number): Promise<number> {
  return await tx('registration_tokens')
    .where({ platform_id: platformId })
    .whereNull('revoked_at')
    .update({ revoked_at: at })
}

export async function findPlatformRow(tx: Tx, id: string): Promise<Platform | undefined> {
  const row: { id: string; account_id: string; name: string } | undefined = await tx('platforms').where({ id }).first()
  return row && { id: row.id, accountId: row.account_id, name: row.name }
}

export async function pagePlatformRows(
  tx: Tx,
  { before, limit }: { before: string | undefined; limit: number },
): Promise<Platform[]> {
  const query = tx('platforms').orderBy('id', 'desc').limit(limit)
  if (before !== undefined) query.where('id', '<', before)
  const rows: { id: string; account_id: string; name: string }[] = await query
  return rows.map(row => ({ id: row.id, accountId: row.account_id, name: row.name }))
}
