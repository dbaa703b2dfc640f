/** The life of a key (PRODUCT "States"): active, then expiring where it has a deadline, then expired; never back. */
export type KeyStatus = 'active' | 'expiring' | 'expired'

/** The states in which a key still works, if its deadline has not passed. */
export const WORKING: readonly KeyStatus[] = ['active', 'expiring']

/** Why a key expired; shown to people and kept for ever. */
export type ExpiryReason =
  | 'by_account'
  | 'by_platform'
  | 'uninstalled'
  | 'undelivered'
  | 'replaced'
  | 'app_retired'
  | 'permissions_removed'

/** The state that counts now: a deadline is enforced to the millisecond, whatever the row still says. */
export function statusAt(key: { status: KeyStatus; expiresAt: number | null }, at: number): KeyStatus {
  if (key.status === 'expired' || (key.expiresAt !== null && key.expiresAt <= at)) return 'expired'
  return key.status
}
