import type { Tx } from '../../db/connect.ts'
import type { Member } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import { SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { markExpired } from './expire-keys.ts'
import { lockKeyOf } from './find-keys.ts'
import { requireKeyAbility } from './key-ability.ts'
import { statusAt } from './key-states.ts'
import { mintRestrictedKey, type RestrictedMintCaps, type ShownKey, showAgain } from './mint-restricted-key.ts'
import { beginOverlap, lastDayOf, listSuccessors } from './overlap.ts'

export type RotateRestrictedKey = {
  keyId: string
  /** 0: the old key stops now; for leaks. */
  overlapSeconds: number
  /** Rotates even if a rotation is in progress. */
  force: boolean
  reason: string
  /** The one-time id of the submitted form. */
  form: string | undefined
  actor: Member
}

/**
 * Replaces a restricted key by one with the same permissions; the overlap begins at once, because the response shows
 * the new key. Throws `key.expired`, `key.rotation_in_progress`, `key.form_used` and `access.role`.
 */
export async function rotateRestrictedKey(
  tx: Tx,
  caps: RestrictedMintCaps,
  command: RotateRestrictedKey,
): Promise<ShownKey> {
  const at = caps.clock.now()
  const { form, actor, reason, overlapSeconds } = command
  const { accountId } = actor
  const old = await lockKeyOf(tx, accountId, command.keyId)
  if (old.kind !== 'restricted') throw new AppError('object.not_found')
  await requireKeyAbility(tx, actor.id, old)
  const earlier = await showAgain(tx, caps, { actor, form })
  if (earlier) return earlier
  if (statusAt(old, at) === 'expired') throw new AppError('key.expired')
  if (!command.force && (await listSuccessors(tx, old.id, at)).length > 0)
    throw new AppError('key.rotation_in_progress')

  const { mode, name, permissions, note, addresses } = old
  const shown = await mintRestrictedKey(tx, caps, {
    actor,
    mode,
    name,
    permissions,
    note,
    addresses,
    form,
    expiresAt: await lastDayOf(tx, old),
    replaces: old.id,
    instead: overlapSeconds === 0,
  })
  if (overlapSeconds === 0) await markExpired(tx, old.id, 'replaced', at)
  else await beginOverlap(tx, old, overlapSeconds * SECOND, at)
  const data = { name, new_key: shown.key.id, overlap_seconds: overlapSeconds, reason }
  await recordActivity(tx, caps, [accountId], [{ actor, what: 'key.rotated', object: old.id, at, data }])
  return shown
}
