import type { Tx } from '../../db/connect.ts'
import type { Member } from '../audit/actor.ts'
import { type Act, recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { isoTime } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { tellKeyNews } from '../installs/tell-platform.ts'
import { changeKey, type KeyEdit } from '../keys/change-key.ts'
import type { Key } from '../keys/find-keys.ts'
import { editVersionOf, statusAt } from '../keys/key-states.ts'
import { lockForMember } from './lock-key.ts'

export type EditKey = {
  keyId: string
  edit: KeyEdit
  /** The version of the key on the page; absent: its current one. */
  seen?: string | undefined
  actor: Member
}

/**
 * *Edit* by a member. Permissions can only be removed, a deadline can be changed but not removed, and of a managed key the
 * account sets only the allowlist; its platform is notified. Throws `key.expired`, `access.role`, `object.not_found`, and
 * `key.changed` if the key has changed since the page was opened.
 */
export async function editKey(tx: Tx, caps: Caps, command: EditKey): Promise<{ key: Key; changed: string[] }> {
  const at = caps.clock.now()
  const { key, installation } = await lockForMember(tx, command)
  if (statusAt(key, at) === 'expired') throw new AppError('key.expired')
  const edit = differences(key, command.edit)
  const changed = Object.keys(edit)
  if (changed.length === 0) return { key, changed }
  if (command.seen !== undefined && command.seen !== editVersionOf(key)) throw new AppError('key.changed')
  if (!(await changeKey(tx, key.id, edit))) throw new AppError('key.expired')
  const accounts = await tellKeyNews(tx, caps, key, installation, 'addresses_changed')
  const data = { name: key.name, changed, ...dataOf(key, edit) }
  await recordActivity(tx, caps, accounts, [
    { actor: command.actor, what: 'key.edited', object: key.id, app: key.appId ?? undefined, at, data },
  ])
  return { key: { ...key, ...edit }, changed }
}

/** The changes that differ from the current values. */
function differences(key: Key, wanted: KeyEdit): KeyEdit {
  const { name, note, permissions, addresses, expiresAt } = wanted
  const own = key.kind === 'restricted'
  const left = permissions && key.permissions.filter(permission => permissions.includes(permission))
  return {
    ...(own && name !== undefined && name !== key.name && { name }),
    ...(own && note !== undefined && note !== key.note && { note }),
    ...(own && left && left.length > 0 && left.length < key.permissions.length && { permissions: left }),
    ...(addresses !== undefined && String(addresses) !== String(key.addresses) && { addresses }),
    ...(own && mayMoveDeadline(key) && expiresAt && expiresAt !== key.expiresAt && { expiresAt }),
  }
}

/** The end of a key that is being replaced belongs to its rotation. */
export function mayMoveDeadline(key: Pick<Key, 'overlapUntil'>): boolean {
  return key.overlapUntil === null
}

/** Each change with its old and new value. */
function dataOf(key: Key, edit: KeyEdit): NonNullable<Act['data']> {
  const text = ({ expiresAt, ...rest }: KeyEdit) => ({
    ...rest,
    ...(expiresAt !== undefined && { expires_at: expiresAt === null ? null : isoTime(expiresAt) }),
  })
  const before: KeyEdit = Object.fromEntries(Object.keys(edit).map(field => [field, key[field as keyof KeyEdit]]))
  const was = Object.entries(text(before)).map(([field, value]) => [`${field}_before`, value] as const)
  return { ...text(edit), ...Object.fromEntries(was) }
}
