import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf } from '../../apps-registry/listing-page.ts'
import type { KeyRow, StatusModel } from '../../views/models.ts'
import { DAY, HOUR } from '../base/clock.ts'
import { agoText, counted, dateText, shortDateText } from '../http/format.ts'
import type { Key } from '../keys/find-keys.ts'
import { type ExpiryReason, statusAt } from '../keys/key-states.ts'

const BECAUSE: Record<ExpiryReason, string> = {
  by_account: 'By you',
  by_platform: 'By its platform',
  uninstalled: 'With the app',
  undelivered: 'Never delivered',
  replaced: 'Replaced',
  app_retired: 'App was retired',
  permissions_removed: 'No permission left',
}

/** The state of a key in words, with what is to know about it. */
export function keyStatus(key: Key, now: number): StatusModel {
  const status = statusAt(key, now)
  if (status === 'expired') {
    const at = key.expiredAt ?? key.expiresAt
    const why = key.expiredBecause ? BECAUSE[key.expiredBecause] : 'At its deadline'
    return { text: 'Expired', tone: 'none', note: at === null ? why : `${why}, ${shortDateText(at)}` }
  }
  if (key.keptAt !== null)
    return {
      text: 'Kept',
      tone: 'warn',
      ...(key.expiresAt !== null && { note: `Until ${dateText(key.expiresAt - 1)}` }),
    }
  if (status === 'expiring' && key.expiresAt !== null)
    return { text: 'Expiring', tone: 'info', note: untilText(key.expiresAt, now) }
  if (status === 'expiring') {
    return key.overlapUntil === null
      ? { text: 'Rotation stuck', tone: 'warn', note: 'Its platform did not take the new key' }
      : { text: 'Being replaced', tone: 'info', note: 'Ends after the new key has arrived' }
  }
  if (key.kind === 'managed' && key.deliveredAt === null) return { text: 'On its way', tone: 'info', waiting: true }
  return { text: 'Active', tone: 'good' }
}

function untilText(at: number, now: number): string {
  const left = at - now
  if (left < HOUR) return 'Within an hour'
  return left < 2 * DAY ? `In ${counted(Math.round(left / HOUR), 'hour')}` : `On ${dateText(at)}`
}

export function keyRow(key: Key, app: App | undefined, now: number, mayManage: boolean): KeyRow {
  const expired = statusAt(key, now) === 'expired'
  return {
    id: key.id,
    name: key.name,
    redacted: key.redacted,
    test: key.mode === 'test',
    managedBy: app ? badgeOf(app) : { name: 'You', logo: '' },
    ...(key.keptAt !== null && !expired && { managedNote: 'Kept after uninstall' }),
    permissions: key.permissions,
    lastUsed: agoText(key.lastUsedAt, now),
    created: shortDateText(key.createdAt),
    status: keyStatus(key, now),
    ...(mayManage && !expired && { expireHref: `/keys/${key.id}/expire` }),
    ...(mayManage && !expired && isRotatable(key) && { rotateHref: `/keys/${key.id}/rotate` }),
  }
}

/** A kept key has no installation that could be told of a new one. */
export function isRotatable(key: Key): boolean {
  return key.kind === 'managed' && key.keptAt === null && key.deliveredAt !== null
}
