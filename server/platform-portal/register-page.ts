import type { Catalog } from '../base/catalog.ts'
import type { FieldFault } from '../http/page-parts.ts'
import type { RegisterTyped } from './register-form.ts'

type AskedPermission = { index: number; name: string; sentence: string; chosen: boolean; purpose: string }

export type RegisterAppPage = {
  /** The id of the form; posted back, so that a double submit makes one app. */
  id: string
  faults: FieldFault[]
  /** Whether the JSON was refused. */
  pasted: boolean
  manifest: string
  /** More than one is a select. */
  platforms: { id: string; name: string; selected: boolean }[]
  values: {
    client_name: string
    tagline: string
    description: string
    redirect_uri: string
    key_delivery_uri: string
    jwks_uri: string
  }
  permissions: AskedPermission[]
  /** The rest of the catalog, collapsed. */
  more: AskedPermission[]
  keys: { id: string; label: string; name: string; reading: boolean }[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'register-app': RegisterAppPage
  }
}

/** The number of permissions that are not collapsed. */
const SHOWN = 5

export type RegisterPageInput = {
  id: string
  typed: RegisterTyped
  faults: FieldFault[]
  catalog: Catalog
  platforms: readonly { id: string; name: string }[]
  platformId: string
}

export function registerAppPage(input: RegisterPageInput): RegisterAppPage {
  const { typed, catalog } = input
  const permissions = catalog.map(({ name, sentence }, index) => ({
    index,
    name,
    sentence,
    chosen: typed.asked.get(name)?.chosen ?? false,
    purpose: typed.asked.get(name)?.purpose ?? '',
  }))
  const open = permissions.filter(({ index, chosen }) => index < SHOWN || chosen)
  return {
    id: input.id,
    faults: input.faults,
    pasted: input.faults.some(({ field }) => field === 'manifest'),
    manifest: typed.manifest || SAMPLE,
    platforms: input.platforms.map(({ id, name }) => ({ id, name, selected: id === input.platformId })),
    values: typed,
    permissions: open,
    more: permissions.filter(permission => !open.includes(permission)),
    keys: typed.keys.map(({ name, reading }, index) => ({
      id: `key${index + 1}`,
      label: index === 0 ? 'First key' : `Key ${index + 1}`,
      name,
      reading,
    })),
  }
}

const SAMPLE = JSON.stringify(
  {
    client_name: '',
    redirect_uris: ['https://'],
    key_delivery_uri: 'https://',
    jwks_uri: 'https://',
    permissions: [{ name: '', purpose: '' }],
    managed_keys: [{ name: 'default' }],
  },
  null,
  2,
)
