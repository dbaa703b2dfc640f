import type { Tx } from '../db/connect.ts'
import type { Actor } from '../server/audit/actor.ts'
import { recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { mintToken } from './create-platform.ts'
import { findPlatformRow, type Platform, pagePlatformRows } from './platform-store.ts'
import { listTokenRows, revokeToken, type TokenRow } from './registration-tokens-store.ts'

export type { Platform } from './platform-store.ts'
export { listTokenRows as listRegistrationTokens, type TokenRow } from './registration-tokens-store.ts'

/** All platforms, the newest first. */
export async function pagePlatforms(tx: Tx, page: { before: string | undefined; limit: number }): Promise<Platform[]> {
  return await pagePlatformRows(tx, page)
}

/** Throws `object.not_found`. */
export async function requirePlatform(tx: Tx, id: string): Promise<Platform> {
  const platform = await findPlatformRow(tx, id)
  if (!platform) throw new AppError('object.not_found')
  return platform
}

/** Creates a registration token beside the existing ones; it is shown once. */
export async function addRegistrationToken(
  tx: Tx,
  caps: Caps & { keyBrand: string },
  { platform, actor }: { platform: Platform; actor: Actor },
): Promise<{ row: TokenRow; token: string }> {
  const at = caps.clock.now()
  const before = (await listTokenRows(tx, platform.id)).map(({ id }) => id)
  const token = await mintToken(tx, caps, platform.id, at)
  const row = (await listTokenRows(tx, platform.id)).find(({ id }) => !before.includes(id))
  if (!row) throw new Error('the new registration token is missing')
  const act = { actor, what: 'platform.token_created', object: platform.id, at, data: { token: row.redacted } }
  await recordActivity(tx, caps, [platform.accountId], [act])
  return { row, token }
}

/** Revokes one registration token. Throws `object.not_found`. */
export async function revokeRegistrationToken(
  tx: Tx,
  caps: Caps,
  { platform, tokenId, actor }: { platform: Platform; tokenId: string; actor: Actor },
): Promise<void> {
  const at = caps.clock.now()
  if (!(await revokeToken(tx, platform.id, tokenId, at))) throw new AppError('object.not_found')
  const act = { actor, what: 'platform.token_revoked', object: platform.id, at }
  await recordActivity(tx, caps, [platform.accountId], [act])
}
