import { z } from 'zod'
import type { Catalog } from '../server/base/catalog.ts'
import type { Fault } from '../server/base/errors.ts'
import { isOneLine } from '../server/base/one-line.ts'
import { showsAll } from '../server/base/plain-text.ts'
import { clientMetadata } from './client-metadata.ts'
import { faultsOfShape, quoted } from './shape-faults.ts'

const HIDDEN = 'must not contain hidden characters or marks that turn the direction of writing'
const text = (most: number) =>
  z.string().trim().max(most, `must have ${most} characters or fewer`).refine(showsAll, HIDDEN)
/** Text in mails and lists. */
const line = (most: number) => text(most).refine(isOneLine, 'must be on one line, without hidden characters')
const TOO_LONG = 'must have 2000 characters or fewer'
/** A host in the form used for lookups: letters, digits, "-", "_" and ".", or an IPv6 address (RFC 3986 §3.2.2), and a port. */
const PLAIN_AUTHORITY = /^https?:\/\/(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?(?:[/?#]|$)/i
const hasPlainHost = (address: string): boolean =>
  !/^https?:/i.test(address) || /^[^/?#]*\/\/[^/?#]*@/.test(address) || PLAIN_AUTHORITY.test(address)
const NOT_PLAIN = 'must name one host, in letters, digits, "-", "_" and "." or as an IP address'
const PRINTABLE = /^[!-~]+$/
const uri = z
  .url('must be an absolute URI')
  .max(2_000, TOO_LONG)
  .regex(PRINTABLE, 'must be ASCII; encode other characters')
  .refine(address => !address.includes('\\'), 'must not contain a backslash')
  .refine(hasPlainHost, NOT_PLAIN)
/** Shown as a link on pages, so only web addresses are allowed. */
const webUri = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URI' })
  .max(2_000, TOO_LONG)
  .regex(PRINTABLE, 'must be ASCII; encode other characters')
  .refine(address => !address.includes('\\'), 'must not contain a backslash')
  .refine(hasPlainHost, NOT_PLAIN)

/** What an app declares besides the metadata of RFC 7591 (docs/wire.md#registration). Unknown members are ignored. */
const schema = z.object({
  client_name: line(80).min(1, 'must not be empty'),
  tagline: line(140).default(''),
  description: text(4_000).default(''),
  categories: z.array(line(30).min(1)).max(5, 'must have 5 entries or fewer').default([]),
  client_uri: webUri.optional(),
  logo_uri: webUri.optional(),
  policy_uri: webUri.optional(),
  tos_uri: webUri.optional(),
  redirect_uris: z.array(uri).max(20, 'must have 20 entries or fewer').default([]),
  key_delivery_uri: webUri.optional(),
  install_uri: webUri.optional(),
  setup_uri: webUri.optional(),
  jwks_uri: webUri.optional(),
  permissions: z
    .array(z.object({ name: z.string(), purpose: text(200).min(1, 'must say why the app needs it') }))
    .max(100, 'must have 100 entries or fewer')
    .default([]),
  managed_keys: z
    .array(
      z.object({
        name: line(60).min(1, 'must not be empty'),
        permissions: z.array(z.string()).min(1, 'must not be empty').optional(),
      }),
    )
    .max(10, 'must have 10 entries or fewer')
    .default([{ name: 'default' }]),
})

export type Manifest = z.infer<typeof schema>

/** The members of this schema; oidc-provider stores and returns them beside its own. */
export const MANIFEST_MEMBERS = [
  'tagline',
  'description',
  'categories',
  'key_delivery_uri',
  'install_uri',
  'setup_uri',
  'permissions',
  'managed_keys',
] as const

export type ParsedManifest = { manifest: Manifest; faults: [] } | { manifest?: undefined; faults: Fault[] }

/** Checks a manifest against the catalog; every fault names its field, as in `permissions[0].name`. */
export function parseManifest(input: unknown, catalog: Catalog): ParsedManifest {
  const parsed = schema.safeParse(input)
  if (!parsed.success) return { faults: faultsOfShape(parsed.error, input) }
  const others = clientMetadata.safeParse(input)
  if (!others.success) return { faults: faultsOfShape(others.error, input) }
  const faults = [...permissionFaults(parsed.data, catalog), ...keyFaults(parsed.data), ...redirectFaults(parsed.data)]
  return faults.length > 0 ? { faults } : { manifest: parsed.data, faults: [] }
}

function permissionFaults({ permissions }: Manifest, catalog: Catalog): Fault[] {
  const known = new Set(catalog.map(permission => permission.name))
  const seen = new Set<string>()
  return permissions.flatMap(({ name }, index) => {
    const field = `permissions[${index}].name`
    if (!known.has(name)) return [{ field, message: `"${name}" is not in the catalog` }]
    if (seen.has(name)) return [{ field, message: `"${name}" is named twice` }]
    seen.add(name)
    return []
  })
}

function keyFaults({ managed_keys, permissions, key_delivery_uri }: Manifest): Fault[] {
  const faults: Fault[] = []
  const asked = new Set(permissions.map(permission => permission.name))
  const names = new Set<string>()
  for (const [index, key] of managed_keys.entries()) {
    if (names.has(key.name))
      faults.push({ field: `managed_keys[${index}].name`, message: `"${key.name}" is named twice` })
    names.add(key.name)
    const stray = key.permissions?.find(name => !asked.has(name))
    if (stray !== undefined)
      faults.push({ field: `managed_keys[${index}].permissions`, message: `"${stray}" is not among permissions` })
  }
  if (managed_keys.length === 0) return faults
  if (permissions.length === 0)
    faults.push({ field: 'permissions', message: 'must not be empty: a managed key needs at least one' })
  if (key_delivery_uri === undefined)
    faults.push({ field: 'key_delivery_uri', message: 'is required for managed keys' })
  return faults
}

/** Exact addresses, https except on loopback (RFC 8252 §7.3, RFC 9700 §2.1). */
function redirectFaults({ redirect_uris }: Manifest): Fault[] {
  return redirect_uris.flatMap((redirect, index) => {
    const url = new URL(redirect)
    const loopback = url.protocol === 'http:' && isLoopbackHost(url.hostname)
    const fault = (message: string) => [
      { field: `redirect_uris[${index}]`, message: `${message}: ${quoted(redirect)}` },
    ]
    if (url.protocol !== 'https:' && !loopback) return fault('must use https, except on loopback')
    if (redirect.includes('#')) return fault('must not have a fragment')
    if (redirect.includes('*')) return fault('must be exact, without a wildcard')
    if (url.username || url.password) return fault('must not carry credentials')
    return []
  })
}

export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname)
}

/** The permissions of each managed key: those it lists, or all granted ones. */
export function keyPermissions(
  manifest: Manifest,
  granted: readonly string[],
): { name: string; permissions: string[] }[] {
  return manifest.managed_keys.map(key => ({
    name: key.name,
    permissions: granted.filter(name => key.permissions?.includes(name) ?? true),
  }))
}

/** The names of the permissions that the manifest requests. */
export function namesOf(manifest: Manifest): string[] {
  return manifest.permissions.map(permission => permission.name)
}

/** A manifest with fewer permissions; a managed key without any is removed. */
export function without(manifest: Manifest, removed: readonly string[]): Manifest {
  const left = (names: readonly string[]) => names.filter(name => !removed.includes(name))
  return {
    ...manifest,
    permissions: manifest.permissions.filter(({ name }) => !removed.includes(name)),
    managed_keys: manifest.managed_keys
      .map(key => (key.permissions ? { ...key, permissions: left(key.permissions) } : key))
      .filter(key => key.permissions?.length !== 0),
  }
}
