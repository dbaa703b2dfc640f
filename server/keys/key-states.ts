import { createHash } from 'node:crypto'
import { HOUR } from '../base/clock.ts'

/** The life of a key (docs/rules.md#states): active, then expiring where it has a deadline, then expired; never back. */
export type KeyStatus = 'active' | 'expiring' | 'expired'

/** The states in which a key still works, if its deadline has not passed. */
export const WORKING: readonly KeyStatus[] = ['active', 'expiring']

/** Why a key expired; shown to people and kept for good. */
export type ExpiryReason =
  | 'by_account'
  | 'by_platform'
  | 'by_operator'
  | 'uninstalled'
  | 'undelivered'
  | 'replaced'
  | 'app_retired'
  | 'permissions_removed'
  | 'deadline'
  | 'freeze_ended'

/** Who froze a key. A key that a leak report froze is known to strangers. */
export type FrozenBy = 'account' | 'leak_report'

/** What expires a key without a request: its deadline, or the end of its freeze. */
export type Deadlines = { expiresAt: number | null; freezeUntil: number | null }

/**
 * Progress of the replacement of a key: its new key has not arrived yet; it has arrived, and the end of the overlap is the
 * deadline; or it will never arrive, and the key keeps working. Null for a key that is not being replaced.
 */
export type Rotation = 'waiting' | 'running' | 'stuck'

/** Planned end of a key that is being replaced, and how long its overlap is. */
export type Replaced = { rotation: Rotation | null; overlapUntil: number | null; overlapMs: number | null }

/** The earlier of a key's deadlines. */
export function deadlineOf({ expiresAt, freezeUntil }: Deadlines): number | null {
  if (expiresAt === null || freezeUntil === null) return expiresAt ?? freezeUntil
  return Math.min(expiresAt, freezeUntil)
}

/**
 * A version of the state of a key. Pages post it back, so that an action is refused if the key was rotated, frozen or
 * expired since the page was opened.
 */
export function stateVersionOf(key: {
  status: KeyStatus
  overlapUntil: number | null
  frozenAt: number | null
}): string {
  return [key.status === 'expired' ? 'expired' : 'works', key.overlapUntil ?? '', key.frozenAt ?? ''].join('.')
}

/**
 * A version of what *Edit* shows of a key. The page posts it back, so that an older page does not undo a newer change. For
 * a managed key the account sets only the addresses.
 */
export function editVersionOf(key: {
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

/**
 * Why a key expires at its deadline: its freeze ended, it was replaced, or the deadline was its own. The overlap of a
 * rotation never ends early, so an earlier deadline is the key's own.
 */
export function reasonAtDeadline(key: Deadlines & Replaced): ExpiryReason {
  if (key.freezeUntil !== null && key.freezeUntil === deadlineOf(key)) return 'freeze_ended'
  const replaced = key.rotation === 'running' && (key.expiresAt ?? 0) >= (key.overlapUntil ?? 0)
  return replaced ? 'replaced' : 'deadline'
}

/**
 * The state at a moment, used for verification, pages and events alike: a deadline is enforced to the millisecond, and a key is
 * expiring exactly while it has one. Of the stored state only `expired` counts.
 */
export function statusAt(key: Deadlines & { status: KeyStatus }, at: number): KeyStatus {
  const deadline = deadlineOf(key)
  if (key.status === 'expired' || (deadline !== null && deadline <= at)) return 'expired'
  return deadline === null ? 'active' : 'expiring'
}

/** When a key ended or will end, as pages and events show it; nothing without a deadline. */
export function endOf(key: Deadlines & { expiredAt: number | null }): number | null {
  return key.expiredAt ?? deadlineOf(key)
}

/** The end of a key in events: while its new key is being delivered, the end that applies once that has arrived. */
export function endToTell(key: Deadlines & Replaced & { expiredAt: number | null }, at: number): number | null {
  const end = endOf(key)
  if (key.overlapUntil === null || key.overlapUntil <= at) return end
  return Math.min(key.overlapUntil, end ?? key.overlapUntil)
}

/** A key that arrives late still leaves its platform half the overlap to take it into use, at most this long. */
const MOST_AFTER_ARRIVAL = HOUR

/** The end of an overlap once the new key has arrived: as planned, or a little later where the new one was late. */
export function overlapAfterArrival({ overlapUntil, overlapMs }: Replaced, arrivedAt: number): number {
  const least = Math.min(Math.ceil((overlapMs ?? 0) / 2), MOST_AFTER_ARRIVAL)
  return Math.max(overlapUntil ?? 0, arrivedAt + least)
}
