import type { Catalog, Permission } from '../base/catalog.ts'
import { isoTime } from '../base/clock.ts'
import type { Fault } from '../base/errors.ts'
import { capitalised } from '../http/format.ts'
import type { FieldFault } from '../http/page-parts.ts'
import { mayMoveDeadline } from '../key-life/edit-key.ts'
import type { Key } from '../keys/find-keys.ts'
import { editVersionOf } from '../keys/key-states.ts'
import { lastDayOf, type TypedKey } from './key-form.ts'

/** *Create restricted key*, and *Edit* of either kind. */
export type KeyFormPage = {
  action: string
  heading: string
  lede: string
  button: string
  /** The one-time id of this form. */
  form?: string
  /** The key that is edited, and its state when the page was drawn. */
  key?: { redacted: string; managedBy: string }
  seen?: string
  values: { name: string; note: string; addresses: string; expiresOn: string }
  /** Which fields the account may set. */
  shows: { text: boolean; deadline: boolean }
  /** Empty if the mode is fixed. */
  modes: { value: 'live' | 'test'; text: string; note: string; checked: boolean }[]
  permissionsHint: string
  resources: {
    name: string
    permissions: { name: string; sentence: string; checked: boolean; tags: { text: string; warn: boolean }[] }[]
  }[]
  addressesHint: string
  deadlineHint: string
  deadlineMin: string
  faults: FieldFault[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'key-form': KeyFormPage
  }
}

const ADDRESSES_HINT =
  'One address or range a line, such as 203.0.113.0/24. Calls from elsewhere are refused. Empty: any address.'

export const EMPTY_FORM: TypedKey = { name: '', mode: 'test', permissions: [], note: '', addresses: '', expires_on: '' }

/** *Create restricted key*, as typed. A developer is offered test mode only. */
export function createFormPage(
  typed: TypedKey,
  faults: Fault[],
  {
    catalog,
    mayLive,
    form,
    keyBrand,
    now,
  }: { catalog: Catalog; mayLive: boolean; form: string; keyBrand: string; now: number },
): KeyFormPage {
  const modes = [
    { value: 'live' as const, text: 'Live', note: `Real money. The key begins with ${keyBrand}r_live_` },
    { value: 'test' as const, text: 'Test', note: `Play money. The key begins with ${keyBrand}r_test_` },
  ]
  return {
    action: '/keys/new',
    heading: 'Create restricted key',
    button: 'Create key',
    form,
    lede: 'For your own scripts and servers. You see it once, right after this.',
    ...shared(typed, faults, now),
    shows: { text: true, deadline: true },
    modes: modes
      .filter(({ value }) => mayLive || value === 'test')
      .map(mode => ({ ...mode, checked: mode.value === typed.mode || !mayLive })),
    permissionsHint: 'Tick only what it needs. You can take some away later, never add.',
    resources: resourcesOf(catalog, typed.permissions),
    deadlineHint: 'At the end of that day, UTC. Without a date it works until you expire it.',
  }
}

/** The values of the form before anything is typed. */
export function typedFrom(key: Key): TypedKey {
  return {
    name: key.name,
    mode: key.mode,
    permissions: key.permissions,
    note: key.note ?? '',
    addresses: key.addresses?.join('\n') ?? '',
    expires_on: lastDayOf(key.expiresAt),
  }
}

/** *Edit*, as typed: of a managed key where it may be used from, of a restricted one the rest too. */
export function editFormPage(
  key: Key,
  managedBy: string,
  typed: TypedKey,
  faults: Fault[],
  { catalog, now }: { catalog: Catalog; now: number },
): KeyFormPage {
  const own = key.kind === 'restricted'
  const granted = key.permissions.map(name => catalog.find(entry => entry.name === name) ?? forgotten(name))
  return {
    action: `/keys/${key.id}/edit`,
    heading: `Edit “${key.name}”`,
    button: 'Save changes',
    seen: typed.seen ?? editVersionOf(key),
    lede: own
      ? 'Changes apply from the next call on.'
      : `${managedBy} manages this key. You decide where it may be used from, and ${managedBy} is told.`,
    key: { redacted: key.redacted, managedBy },
    ...shared(typed, faults, now),
    shows: { text: own, deadline: own && mayMoveDeadline(key) },
    modes: [],
    permissionsHint: 'Untick what it no longer needs. It cannot be added again.',
    resources: own ? resourcesOf(granted, typed.permissions) : [],
    deadlineHint:
      key.expiresAt === null
        ? 'At the end of that day, UTC. The date can be changed, but not removed.'
        : 'At the end of that day, UTC.',
  }
}

function shared(typed: TypedKey, faults: Fault[], now: number) {
  const { name, note, addresses, expires_on: expiresOn } = typed
  const deadlineMin = isoTime(now).slice(0, 10)
  return { values: { name, note, addresses, expiresOn }, addressesHint: ADDRESSES_HINT, deadlineMin, faults }
}

/** A permission that the operator's catalog does not have any more. */
function forgotten(name: string): Permission {
  return { name, resource: 'other', access: 'read', sentence: 'No longer offered', risks: [] }
}

function resourcesOf(permissions: readonly Permission[], ticked: readonly string[]): KeyFormPage['resources'] {
  const groups = Map.groupBy(permissions, permission => permission.resource)
  return [...groups].map(([resource, group]) => ({
    name: capitalised(resource),
    permissions: group
      .toSorted((a, b) => a.access.localeCompare(b.access))
      .map(({ name, sentence, risks }) => ({
        name,
        sentence,
        checked: ticked.includes(name),
        tags: [
          ...(risks.includes('moves_money') ? [{ text: 'Moves money', warn: true }] : []),
          ...(risks.includes('irreversible') ? [{ text: 'Cannot be undone', warn: true }] : []),
          ...(risks.includes('personal_data') ? [{ text: 'Personal data', warn: false }] : []),
        ],
      })),
  }))
}
