import type { Tx } from '../../db/connect.ts'
import { recordActivity } from '../audit/record-activity.ts'
import { isoTime } from '../base/clock.ts'
import { requireKeyAbility } from './key-ability.ts'
import {
  type MintRestrictedKey,
  mintRestrictedKey,
  type RestrictedMintCaps,
  type ShownKey,
} from './mint-restricted-key.ts'

export type CreateRestrictedKey = Omit<MintRestrictedKey, 'replaces'>

/** *Create restricted key*. Throws `access.role` and `key.form_used`. */
export async function createRestrictedKey(
  tx: Tx,
  caps: RestrictedMintCaps,
  command: CreateRestrictedKey,
): Promise<ShownKey> {
  const { mode, actor } = command
  const { accountId } = actor
  await requireKeyAbility(tx, actor.id, { mode, accountId })
  const shown = await mintRestrictedKey(tx, caps, { ...command, replaces: null })
  const { key } = shown
  if (shown.again) return shown
  const data = {
    name: key.name,
    mode,
    permissions: key.permissions,
    addresses: key.addresses,
    expires_at: key.expiresAt === null ? null : isoTime(key.expiresAt),
  }
  await recordActivity(tx, caps, [accountId], [{ actor, what: 'key.created', object: key.id, at: key.createdAt, data }])
  return shown
}
