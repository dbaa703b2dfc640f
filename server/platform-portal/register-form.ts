import { z } from 'zod'
import type { Catalog } from '../base/catalog.ts'
import type { Fault } from '../base/errors.ts'

const MOST_KEYS = 10

export type KeyTyped = { name: string; reading: boolean }

/** The form as it was typed. */
export type RegisterTyped = {
  client_name: string
  tagline: string
  description: string
  redirect_uri: string
  key_delivery_uri: string
  jwks_uri: string
  /** By permission: whether it is requested, and why. */
  asked: ReadonlyMap<string, { chosen: boolean; purpose: string }>
  keys: KeyTyped[]
  /** The other form: a whole manifest as JSON. */
  manifest: string
}

const text = z.string().catch('')
const list = z
  .string()
  .transform(value => [value])
  .or(z.array(z.string()))
  .catch([])

/** Reads the form and refuses nothing, so that nothing typed is lost. */
export function readRegisterForm(body: Record<string, unknown>, catalog: Catalog): RegisterTyped {
  const read = (name: string) => text.parse(body[name])
  const chosen = list.parse(body['permissions'])
  const keys: KeyTyped[] = []
  for (let number = 1; number <= MOST_KEYS && `key${number}` in body; number += 1)
    keys.push({ name: read(`key${number}`), reading: read(`key${number}p`) === 'read' })
  if (body['add'] === 'key' && keys.length < MOST_KEYS) keys.push({ name: '', reading: false })
  return {
    client_name: read('client_name'),
    tagline: read('tagline'),
    description: read('description'),
    redirect_uri: read('redirect_uri'),
    key_delivery_uri: read('key_delivery_uri'),
    jwks_uri: read('jwks_uri'),
    asked: new Map(
      catalog.map(({ name }, index) => [name, { chosen: chosen.includes(name), purpose: read(`why${index}`) }]),
    ),
    keys: keys.length > 0 ? keys : [{ name: 'default', reading: false }],
    manifest: read('manifest'),
  }
}

/** The typed form as the body of `POST /oauth/register`. */
export function metadataOf(typed: RegisterTyped, catalog: Catalog): Record<string, unknown> {
  const address = (value: string) => (value.trim() === '' ? undefined : value.trim())
  const chosen = catalog.filter(({ name }) => typed.asked.get(name)?.chosen)
  const reading = chosen.filter(({ access }) => access === 'read').map(({ name }) => name)
  const redirect = address(typed.redirect_uri)
  return {
    client_name: typed.client_name,
    tagline: typed.tagline,
    description: typed.description,
    redirect_uris: redirect === undefined ? [] : [redirect],
    key_delivery_uri: address(typed.key_delivery_uri),
    jwks_uri: address(typed.jwks_uri),
    permissions: chosen.map(({ name }) => ({ name, purpose: typed.asked.get(name)?.purpose ?? '' })),
    managed_keys: filledKeys(typed).map(({ key }) => ({
      name: key.name,
      ...(key.reading && { permissions: reading }),
    })),
  }
}

/** Leaves out an empty row that was added after the first. */
function filledKeys({ keys }: RegisterTyped): { key: KeyTyped; index: number }[] {
  return keys.map((key, index) => ({ key, index })).filter(({ key, index }) => index === 0 || key.name.trim() !== '')
}

const LABELS: Record<string, { id: string; label: string }> = {
  client_name: { id: 'client_name', label: 'App name' },
  tagline: { id: 'tagline', label: 'Tagline' },
  description: { id: 'description', label: 'Description' },
  redirect_uris: { id: 'redirect_uri', label: 'Redirect address' },
  key_delivery_uri: { id: 'key_delivery_uri', label: 'Key delivery address' },
  jwks: { id: 'jwks_uri', label: 'Public keys address' },
  jwks_uri: { id: 'jwks_uri', label: 'Public keys address' },
}

/** Moves a fault of the metadata to the control where it was typed. */
export function faultInForm({ field, message }: Fault, typed: RegisterTyped, catalog: Catalog): Fault {
  const [, member = '', position = '', rest = ''] = /^(\w+)(?:\[(\d+)\])?(.*)$/.exec(field) ?? []
  if (member === 'permissions') {
    const chosen = catalog
      .map(({ name }, index) => ({ name, index }))
      .filter(({ name }) => typed.asked.get(name)?.chosen)
    const one = position === '' ? undefined : chosen[Number(position)]
    if (one && rest === '.purpose') return { field: `why${one.index}`, message: `Reason for ${one.name} ${message}.` }
    return { field: 'p0', message: `Permissions ${message}.` }
  }
  if (member === 'managed_keys') {
    const index = filledKeys(typed)[Number(position || 0)]?.index ?? 0
    const what = rest.startsWith('.permissions') ? 'The permissions of the key' : 'Key name'
    return { field: `key${index + 1}`, message: `${what} ${message}.` }
  }
  const known = LABELS[member]
  if (!known) return { field: '', message: `${field} ${message}.` }
  return { field: known.id, message: `${known.label} ${message.replace(/^or jwks_uri /, '')}.` }
}
