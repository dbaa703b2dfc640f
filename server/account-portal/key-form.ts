import { z } from 'zod'
import type { Catalog } from '../base/catalog.ts'
import { DAY, endOfDay, isoTime } from '../base/clock.ts'
import type { Fault } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import { isOneLine } from '../base/one-line.ts'
import { showsAll } from '../base/plain-text.ts'
import { parseAllowlist } from '../keys/allowlist.ts'
import { formName } from './form-name.ts'

const LONGEST_LIFE = 3_660 * DAY
const text = z.string().max(20_000).catch('')

/** The form of *Create restricted key* and *Edit* as typed, valid or not. */
export const keyForm = z.object({
  name: text,
  mode: z.enum(['live', 'test']).or(z.literal('')).catch(''),
  permissions: z.union([z.array(z.string()), z.string().transform(one => [one])]).catch([]),
  note: text,
  addresses: text,
  expires_on: text,
  form: formName,
  /** *Edit*: the key as the page showed it. */
  seen: z.string().max(80).optional().catch(undefined),
})

export type TypedKey = Omit<z.infer<typeof keyForm>, 'form'>

export type NewKey = {
  mode: Mode
  name: string
  permissions: string[]
  note: string | null
  addresses: string[] | null
  expiresAt: number | null
}

/** The command in a valid form, or every fault with its field. */
export function readNewKey(typed: TypedKey, catalog: Catalog, now: number): NewKey | { faults: Fault[] } {
  const { mode } = typed
  const permissions = catalog.map(({ name }) => name).filter(name => typed.permissions.includes(name))
  const { addresses, faults } = parseAllowlist(typed.addresses)
  const expiresAt = typed.expires_on === '' ? null : endOfDay(typed.expires_on)
  const all = [
    ...textFaults(typed),
    ...(mode === '' ? [{ field: 'mode', message: 'Choose live or test mode.' }] : []),
    ...permissionFaults(typed.permissions, new Set(permissions)),
    ...faults.map(message => ({ field: 'addresses', message })),
    ...deadlineFaults(expiresAt, now),
  ]
  if (all.length > 0 || mode === '' || expiresAt === undefined) return { faults: all }
  return { mode, name: typed.name.trim(), permissions, note: typed.note.trim() || null, addresses, expiresAt }
}

export type EditedKey = {
  kind: 'managed' | 'restricted'
  permissions: readonly string[]
  expiresAt: number | null
  /** Whether the account may move the deadline. */
  movable: boolean
}

/** The command in a valid edit, or every fault; for a managed key only the addresses are read. */
export function readKeyEdit(
  typed: TypedKey,
  key: EditedKey,
  now: number,
): Partial<Omit<NewKey, 'mode'>> | { faults: Fault[] } {
  const { addresses, faults } = parseAllowlist(typed.addresses)
  const addressFaults = faults.map(message => ({ field: 'addresses', message }))
  if (key.kind === 'managed') return addressFaults.length > 0 ? { faults: addressFaults } : { addresses }
  const expiresAt = key.movable && typed.expires_on !== lastDayOf(key.expiresAt) ? endOfDay(typed.expires_on) : null
  const lifted = typed.expires_on === '' && key.expiresAt !== null && key.movable
  const all = [
    ...textFaults(typed),
    ...permissionFaults(typed.permissions, new Set(key.permissions)),
    ...addressFaults,
    ...(lifted
      ? [{ field: 'expires_on', message: 'The last day cannot be removed. Choose another day.' }]
      : deadlineFaults(expiresAt, now)),
  ]
  if (all.length > 0) return { faults: all }
  return {
    name: typed.name.trim(),
    note: typed.note.trim() || null,
    permissions: typed.permissions,
    addresses,
    ...(expiresAt && { expiresAt }),
  }
}

/** The day of a deadline in the format of the form. */
export function lastDayOf(deadline: number | null): string {
  return deadline === null ? '' : isoTime(deadline - 1).slice(0, 10)
}

function textFaults({ name, note }: TypedKey): Fault[] {
  const length = name.trim().length
  return [
    ...(length === 0 ? [{ field: 'name', message: 'Give the key a name.' }] : []),
    ...(length > 80 ? [{ field: 'name', message: 'Use 80 characters or fewer for the name.' }] : []),
    ...(isOneLine(name.trim())
      ? []
      : [{ field: 'name', message: 'Write the name on one line, without hidden characters.' }]),
    ...(showsAll(note) ? [] : [{ field: 'note', message: 'Write the note without hidden characters.' }]),
    ...(note.trim().length > 200 ? [{ field: 'note', message: 'Use 200 characters or fewer for the note.' }] : []),
  ]
}

function permissionFaults(typed: readonly string[], known: ReadonlySet<string>): Fault[] {
  const stray = typed.find(name => !known.has(name))
  if (stray !== undefined)
    return [{ field: 'permissions', message: `${stray.slice(0, 80)} is not one of these permissions.` }]
  return typed.length === 0 ? [{ field: 'permissions', message: 'Tick at least one permission.' }] : []
}

function deadlineFaults(expiresAt: number | null | undefined, now: number): Fault[] {
  const fault = (message: string) => [{ field: 'expires_on', message }]
  if (expiresAt === undefined) return fault('Choose the last day, as in 2030-01-31.')
  if (expiresAt === null) return []
  if (expiresAt <= now) return fault('Choose today or a later day.')
  return expiresAt > now + LONGEST_LIFE ? fault('Choose a day within the next ten years.') : []
}
