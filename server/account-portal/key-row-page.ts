import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf } from '../../apps-registry/listing-page.ts'
import { DAY, HOUR } from '../base/clock.ts'
import { agoText, counted, dateText, shortDateText } from '../http/format.ts'
import type { AppBadge, StatusModel } from '../http/page-parts.ts'
import type { Key } from '../keys/find-keys.ts'
import { type ExpiryReason, endOf, reasonAtDeadline, statusAt } from '../keys/key-states.ts'
import type { SparkModel } from './spark-page.ts'

export type KeyRow = {
  id: string
  name: string
  redacted: string
  test: boolean
  managedBy: AppBadge
  managedNote?: string
  /** A restricted key shows a person instead of a logo. */
  byPerson?: boolean
  permissions: string[]
  /** The allowed addresses; absent if any address is allowed. */
  addressNote?: string
  lastUsed: string
  /** Calls of the last seven days; on the keys page only. */
  spark?: SparkModel
  created: string
  status: StatusModel
  /** Absent if it has expired or the viewer's role does not allow it. */
  expireHref?: string
  /** Absent if it cannot be rotated: kept, expired, or not for this role. */
  rotateHref?: string
  editHref?: string
  /** At most one of the two. */
  freezeHref?: string
  unfreezeHref?: string
}

const BECAUSE: Record<ExpiryReason, string> = {
  by_account: 'By you',
  by_platform: 'By its platform',
  by_operator: 'By the operator',
  uninstalled: 'With the app',
  undelivered: 'Never delivered',
  replaced: 'Replaced',
  app_retired: 'App was retired',
  permissions_removed: 'No permission left',
  deadline: 'At its deadline',
  freeze_ended: 'Frozen until then',
}

/** The state of a key in words, with its details. */
export function keyStatus(key: Key, now: number, suspended = false): StatusModel {
  const status = statusAt(key, now)
  if (status === 'expired') return endedStatus(key)
  if (key.frozenAt !== null) {
    const note =
      key.freezeUntil === null
        ? 'Found in public'
        : `Expires ${untilText(key.freezeUntil, now).replace(/^[A-Z]/, first => first.toLowerCase())}`
    return { text: 'Frozen', tone: 'warn', note }
  }
  if (suspended) return { text: 'Suspended', tone: 'warn' }
  if (key.keptAt !== null)
    return {
      text: 'Kept',
      tone: 'warn',
      ...(key.expiresAt !== null && { note: `Until ${dateText(key.expiresAt - 1)}` }),
    }
  if (key.rotation === 'stuck')
    return { text: 'Rotation stuck', tone: 'warn', note: 'Its platform did not get the new key' }
  if (key.rotation === 'waiting')
    return { text: 'Being replaced', tone: 'info', note: 'Ends after the new key has arrived' }
  if (status === 'expiring' && key.expiresAt !== null) {
    const note = untilText(key.expiresAt, now)
    return { text: 'Expiring', tone: 'info', note: key.rotation === 'running' ? `${note}, replaced` : note }
  }
  if (key.kind === 'managed' && key.deliveredAt === null) return { text: 'On its way', tone: 'info', waiting: true }
  return { text: 'Active', tone: 'good' }
}

function endedStatus(key: Key): StatusModel {
  const at = endOf(key)
  const why = BECAUSE[key.expiredBecause ?? reasonAtDeadline(key)]
  return { text: 'Expired', tone: 'none', note: at === null ? why : `${why}, ${shortDateText(at)}` }
}

function untilText(at: number, now: number): string {
  const left = at - now
  if (left < HOUR) return 'Within an hour'
  return left < 2 * DAY ? `In ${counted(Math.round(left / HOUR), 'hour')}` : `On ${dateText(at)}`
}

/** The manager of a key: its app, or the member who made it. */
export function managerOf(key: Key, app: App | undefined, maker = 'You'): { badge: AppBadge; byPerson: boolean } {
  return app
    ? { badge: badgeOf(app), byPerson: false }
    : { badge: { name: maker, logo: '' }, byPerson: key.kind === 'restricted' }
}

export type RowExtras = { maker?: string | undefined; suspended?: boolean }

export function keyRow(
  key: Key,
  app: App | undefined,
  now: number,
  mayManage: boolean,
  { maker, suspended }: RowExtras = {},
): KeyRow {
  const acts = mayManage && statusAt(key, now) !== 'expired'
  const { badge, byPerson } = managerOf(key, app, maker)
  const base = `/keys/${key.id}`
  return {
    id: key.id,
    name: key.name,
    redacted: key.redacted,
    test: key.mode === 'test',
    managedBy: badge,
    ...(byPerson && { byPerson }),
    ...(key.keptAt !== null && statusAt(key, now) !== 'expired' && { managedNote: 'Kept after uninstall' }),
    permissions: key.permissions,
    ...(key.addresses && { addressNote: addressNote(key.addresses) }),
    lastUsed: agoText(key.lastUsedAt, now),
    created: shortDateText(key.createdAt),
    status: keyStatus(key, now, suspended),
    ...(acts && { expireHref: `${base}/expire`, editHref: `${base}/edit` }),
    ...(acts && isRotatable(key) && { rotateHref: `${base}/rotate` }),
    ...(acts && (key.frozenAt === null ? { freezeHref: `${base}/freeze` } : { unfreezeHref: `${base}/unfreeze` })),
  }
}

function addressNote(addresses: readonly string[]): string {
  const [only] = addresses
  return addresses.length === 1 ? `Only from ${only}` : `Only from ${addresses.length} addresses or ranges`
}

/** A kept key has no installation that could receive a new one. */
export function isRotatable(key: Key): boolean {
  return key.kind === 'restricted' || (key.keptAt === null && key.deliveredAt !== null)
}
