import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { expireKeysEndingWith } from '../keys/expire-keys.ts'
import { leaveRest } from './batch-jobs.ts'
import { type ToldExpired, tellExpired } from './tell-expired.ts'

/**
 * Expires the kept keys of an earlier installation that the account chose to expire once this installation is active. Returns
 * how many.
 */
export async function expireKeysOfBefore(tx: Tx, caps: Caps, installationId: string): Promise<number> {
  const at = caps.clock.now()
  const expired = await expireKeysEndingWith(tx, installationId, at)
  const data: ToldExpired = { installationId, which: 'ending_with', because: 'replaced', at }
  if (expired > 0)
    await leaveRest(tx, caps, { kind: 'tell_expired', subject: installationId, data }, position =>
      tellExpired(tx, caps, data, position),
    )
  return expired
}
