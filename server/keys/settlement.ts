import { deadlineOf, type ExpiryReason, type KeyStatus, type Replaced } from './key-states.ts'

/** What becomes of the keys of an installation that is uninstalled, as was chosen. */
export type KeyChoice = { answer: 'expire' } | { answer: 'keep' } | { answer: 'until'; deadline: number }

/** An uninstallation whose keys are not all settled yet: it decides about them all from its commit on. */
export type Settlement = { choice: KeyChoice; because: ExpiryReason; at: number }

/** Why keys end with their installation, by why that ended. */
export const KEY_REASONS = {
  account: 'uninstalled',
  platform: 'uninstalled',
  app_retired: 'app_retired',
} as const satisfies Record<string, ExpiryReason>

type Unsettled = Replaced & {
  status: KeyStatus
  keptAt: number | null
  deliveredAt: number | null
  expiresAt: number | null
  freezeUntil: number | null
}

export type Settled = Replaced & {
  status: KeyStatus
  keptAt: number | null
  expiresAt: number | null
  expiredAt: number | null
  expiredBecause: ExpiryReason | null
}

/**
 * The state of a key after an uninstallation: a key that was never delivered expires in any case, and a deadline is never
 * extended. A kept key whose new key has not arrived is no longer being replaced. Returns undefined for a key that had
 * expired before or is already settled.
 */
export function settledState(key: Unsettled, { choice, because, at }: Settlement): Settled | undefined {
  if (key.status === 'expired' || key.keptAt !== null || (deadlineOf(key) ?? Number.POSITIVE_INFINITY) <= at)
    return undefined
  const { rotation, overlapUntil, overlapMs } = key
  const plan = { rotation, overlapUntil, overlapMs }
  if (choice.answer === 'expire' || key.deliveredAt === null) {
    const expiredBecause = choice.answer === 'expire' ? because : 'undelivered'
    return { ...plan, status: 'expired', keptAt: null, expiresAt: key.expiresAt, expiredAt: at, expiredBecause }
  }
  const kept = { ...(rotation === 'running' ? plan : UNPLANNED), keptAt: at, expiredAt: null, expiredBecause: null }
  if (choice.answer === 'keep') return { ...kept, status: key.status, expiresAt: key.expiresAt }
  return { ...kept, status: 'expiring', expiresAt: Math.min(choice.deadline, key.expiresAt ?? choice.deadline) }
}

const UNPLANNED: Replaced = { rotation: null, overlapUntil: null, overlapMs: null }

/** The columns of an installation that say so, each under its own name. */
export const SETTLEMENT_COLUMNS = ['settle_keys', 'settle_until', 'uninstalled_at', 'uninstall_reason'] as const

export type SettlementRow = {
  settle_keys: KeyChoice['answer'] | null
  settle_until: number | null
  uninstalled_at: number | null
  uninstall_reason: keyof typeof KEY_REASONS | null
}

/** The settlement that an installation's row speaks of; undefined if none is under way. */
export function settlementOf(row: SettlementRow): Settlement | undefined {
  const { settle_keys: answer, settle_until, uninstalled_at: at, uninstall_reason: reason } = row
  if (answer === null || at === null || reason === null) return undefined
  const choice: KeyChoice = answer === 'until' ? { answer, deadline: settle_until ?? at } : { answer }
  return { choice, because: KEY_REASONS[reason], at }
}
