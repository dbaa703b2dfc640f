import type { Request } from 'express'
import { stopsKeys } from '../../apps-registry/app-states.ts'
import type { App } from '../../apps-registry/find-app.ts'
import { type Membership, roleAllows } from '../accounts/roles.ts'
import { isId } from '../base/ids.ts'
import type { OptionModel } from '../http/page-parts.ts'
import type { Key } from '../keys/find-keys.ts'
import type { KeyPageFilter } from '../keys/page-account-keys.ts'
import { type KeyRow, keyRow } from './key-row-page.ts'
import { sparkOf } from './spark-page.ts'

export type KeysPage = {
  /** Live or test; each link keeps the rest of the filter. */
  modes: { text: string; href: string; current: boolean }[]
  /** The shown mode, submitted with the rest of the filter. */
  mode: string
  statuses: OptionModel[]
  managers: OptionModel[]
  filtered: boolean
  keys: KeyRow[]
  /** Absent for a role that may not create keys. */
  createHref?: string
  older?: string
  newest?: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    keys: KeysPage
  }
}

export const KEYS_PER_PAGE = 20

const MODES = [
  { text: 'All', value: '' },
  { text: 'Live mode', value: 'live' },
  { text: 'Test mode', value: 'test' },
] as const

const STATUSES = [
  { text: 'Any', value: '' },
  { text: 'Active', value: 'active' },
  { text: 'Expiring', value: 'expiring' },
  { text: 'Frozen', value: 'frozen' },
  { text: 'Kept', value: 'kept' },
  { text: 'Expired', value: 'expired' },
] as const

/** The filter in the query; unknown values are ignored. */
export type Asked = { mode: '' | 'live' | 'test'; status: NonNullable<KeyPageFilter['shows']> | ''; platform: string }

export function readAsked(query: Request['query']): Asked {
  const show = String(query['show'] ?? '')
  const status = String(query['status'] ?? (show === 'expired' ? show : ''))
  const platform = String(query['platform'] ?? '')
  return {
    mode: MODES.find(({ value }) => value === show)?.value ?? '',
    status: STATUSES.find(({ value }) => value === status)?.value ?? '',
    platform: platform === 'you' || isId('app', platform) ? platform : '',
  }
}

function hrefOf({ mode, status, platform }: Asked, before?: string): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ show: mode, status, platform, before }))
    if (value) query.set(name, value)
  return query.size > 0 ? `/keys?${query}` : '/keys'
}

/** What the keys page is made of. */
export type KeysPageInput = {
  asked: Asked
  role: Membership['role']
  /** One row more than a page has, if there are more. */
  found: readonly Key[]
  before: string | undefined
  apps: ReadonlyMap<string, App>
  suspended: ReadonlySet<string>
  /** The names of those who made restricted keys. */
  makers: ReadonlyMap<string, string>
  callsOf: (keyId: string) => number[]
  now: number
}

export function keysPage({
  asked,
  role,
  found,
  before,
  apps,
  suspended,
  makers,
  callsOf,
  now,
}: KeysPageInput): KeysPage {
  const keys = found.slice(0, KEYS_PER_PAGE)
  const rows = keys.map(key => {
    const app = key.appId === null ? undefined : apps.get(key.appId)
    const row = keyRow(key, app, now, roleAllows(role, 'manage_keys', key.mode), {
      maker: makers.get(key.createdBy ?? ''),
      suspended: (app && stopsKeys(app.status)) || suspended.has(key.installationId ?? ''),
    })
    return { ...row, spark: sparkOf(callsOf(key.id)) }
  })
  const last = keys.at(-1)
  return {
    modes: MODES.map(({ text, value }) => ({
      text,
      href: hrefOf({ ...asked, mode: value }),
      current: value === asked.mode,
    })),
    mode: asked.mode,
    statuses: STATUSES.map(option => ({ ...option, selected: option.value === asked.status })),
    managers: managerOptions([...apps.values()], asked.platform),
    filtered: Object.values(asked).some(value => value !== ''),
    keys: rows,
    ...(roleAllows(role, 'manage_keys', 'test') && { createHref: '/keys/new' }),
    ...(found.length > KEYS_PER_PAGE && last && { older: hrefOf(asked, last.id) }),
    ...(before && { newest: hrefOf(asked) }),
  }
}

function managerOptions(apps: readonly App[], platform: string): OptionModel[] {
  const named = apps
    .map(app => ({ value: app.id, text: app.manifest.client_name }))
    .sort((a, b) => a.text.localeCompare(b.text, 'en'))
  const options = [{ value: '', text: 'Anyone' }, { value: 'you', text: 'Members' }, ...named]
  return options.map(option => ({ ...option, selected: option.value === platform }))
}
