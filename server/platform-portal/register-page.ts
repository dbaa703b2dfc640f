import type { FieldFault, RegisterAppPage } from '../../views/models.ts'
import type { Catalog } from '../base/catalog.ts'
import type { RegisterTyped } from './register-form.ts'

/** How many permissions stand open; the rest of the catalogue folds away. */
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
