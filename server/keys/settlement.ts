import { deadlineOf, type ExpiryReason, type KeyStatus, type Replaced } from './key-states.ts'

/** The choice for the keys of an uninstalled installation. */
export type KeyChoice = { answer: 'expire' } | { answer: 'keep' } | { answer: 'until'; deadline: number }

/** An uninstall whose keys are not all settled: it applies to all of them from its commit on. */
export type Settlement = { choice: KeyChoice; because: ExpiryReason; at: number }

/** The reason of a key's end by the reason of its installation's end. */
export const KEY_REASONS = {
  account: 'uninstalled',
  platform: 'uninstalled',
  operator: 'uninstalled',
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

/** The columns of an installation with its settlement, each under its own name. */
export const SETTLEMENT_COLUMNS = ['settle_keys', 'settle_until', 'uninstalled_at', 'uninstall_reason'] as const

export type SettlementRow = {
  settle_keys: KeyChoice['answer'] | null
  settle_until: number | null
  uninstalled_at: number | null
  uninstall_reason: keyof typeof KEY_REASONS | null
}

/** The settlement in an installation's row; undefined if none is in progress. */
export function settlementOf(row: SettlementRow): Settlement | undefined {
  const { settle_keys: answer, settle_until, uninstalled_at: at, uninstall_reason: reason } = row
  if (answer === null || at === null || reason === null) return undefined
  const choice: KeyChoice = answer === 'until' ? { answer, deadline: settle_until ?? at } : { answer }
  return { choice, because: KEY_REASONS[reason], at }
}
