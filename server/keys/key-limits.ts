import type { Tx } from '../../db/connect.ts'
import { lockAccount } from '../accounts/find-account.ts'
import { AppError } from '../base/errors.ts'
import { countOccupied } from './count-keys.ts'

/** The most keys that may work at once. */
export type KeyLimits = { perInstallation: number; perAccount: number }

export type NewKey = {
  accountId: string
  /** Absent for a restricted key. */
  installationId: string | null
  replaces: string | null
}

/**
 * Refuses a key that would be one too many for its installation or its account. The account's row is locked from here to the
 * end of the transaction, after the installation's, so that concurrent requests cannot exceed the limit together. A key that
 * replaces another may go up to twice the limits: every key may be in the overlap of its rotation. Throws `key.limit`.
 */
export async function requireRoom(
  tx: Tx,
  { keyLimits }: { keyLimits: KeyLimits },
  { accountId, installationId, replaces }: NewKey,
): Promise<void> {
  await lockAccount(tx, accountId)
  const factor = replaces === null ? 1 : 2
  const rules = [
    { of: 'account', where: { account_id: accountId }, most: keyLimits.perAccount },
    ...(installationId === null
      ? []
      : [{ of: 'installation', where: { installation_id: installationId }, most: keyLimits.perInstallation }]),
  ]
  for (const { of, where, most } of rules) {
    if ((await countOccupied(tx, where, most * factor)) < most * factor) continue
    throw new AppError('key.limit', {
      detail: `Nothing was made: this ${of} has ${(most * factor).toLocaleString('en-GB')} working keys, the limit. Expire one that is not needed.`,
    })
  }
}
