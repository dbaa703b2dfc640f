/** Permissions that a version of the manifest took away, while installations and keys still have them in their rows. */
export type Withdrawal = { version: number; permissions: string[]; at: number }

/** The columns from which an installation's withdrawals are read; both null if there are none. */
export type WithdrawalRow = { withdrawals: string | null; consented_version: number | null }

/**
 * The permissions of an installation that consented to a version, or of one of its keys, without the app's pending withdrawals.
 * A later version that requests a permission again does not restore it without a new consent. `emptiedAt`: when the last
 * permission was withdrawn, in milliseconds.
 */
export function afterWithdrawals(
  permissions: string[],
  { withdrawals, consented_version: version }: WithdrawalRow,
): { permissions: string[]; emptiedAt?: number } {
  if (withdrawals === null || version === null || permissions.length === 0) return { permissions }
  let left = permissions
  for (const withdrawal of JSON.parse(withdrawals) as Withdrawal[]) {
    if (withdrawal.version <= version) continue
    left = left.filter(name => !withdrawal.permissions.includes(name))
    if (left.length === 0) return { permissions: left, emptiedAt: withdrawal.at }
  }
  return { permissions: left }
}

/** Withdrawals that apply to an installation that consented to a version. */
export function withdrawnFrom(withdrawals: readonly Withdrawal[], version: number): string[] {
  return withdrawals.filter(each => each.version > version).flatMap(each => each.permissions)
}
