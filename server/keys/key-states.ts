import { createHash } from 'node:crypto'

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
  | 'deadline'
  | 'freeze_ended'

/** Who froze a key. What a leak report froze is in strangers' hands. */
export type FrozenBy = 'account' | 'leak_report'

/** What ends a key by itself: its deadline, and where it is frozen the end of that. */
export type Deadlines = { expiresAt: number | null; freezeUntil: number | null }

/** The earlier of a key's deadlines. */
export function deadlineOf({ expiresAt, freezeUntil }: Deadlines): number | null {
  if (expiresAt === null || freezeUntil === null) return expiresAt ?? freezeUntil
  return Math.min(expiresAt, freezeUntil)
}

/**
 * What a person sees of a key's state before they act on it. A page sends it back, so that an act is refused where
 * somebody else has rotated, frozen or expired the key meanwhile.
 */
export function faceOf(key: { status: KeyStatus; overlapUntil: number | null; frozenAt: number | null }): string {
  return [key.status, key.overlapUntil ?? '', key.frozenAt ?? ''].join('.')
}

/**
 * What *Edit* shows of a key. Its page sends it back, so that a page that was opened before somebody else's change does not
 * take that back. Of a managed key the account sets the addresses only.
 */
export function editFaceOf(key: {
  kind: 'managed' | 'restricted'
  name: string
  note: string | null
  permissions: readonly string[]
  addresses: readonly string[] | null
  expiresAt: number | null
}): string {
  const { name, note, permissions, addresses, expiresAt } = key
  const shown = key.kind === 'managed' ? [addresses] : [name, note, permissions, addresses, expiresAt]
  return createHash('sha256').update(JSON.stringify(shown)).digest('base64url')
}

/** Why a key ends that nobody ends before its deadline: it was frozen till then, or replaced, or its time is over. */
export function reasonAtDeadline(key: Deadlines & { overlapUntil: number | null }): ExpiryReason {
  if (key.freezeUntil !== null && key.freezeUntil === deadlineOf(key)) return 'freeze_ended'
  return key.overlapUntil === null ? 'deadline' : 'replaced'
}

/** The state that counts now: a deadline is enforced to the millisecond, whatever the row still says. */
export function statusAt(key: Deadlines & { status: KeyStatus }, at: number): KeyStatus {
  const deadline = deadlineOf(key)
  return deadline !== null && deadline <= at ? 'expired' : key.status
}
