import type { JWK } from 'jose'
import { isFixedHost } from '../server/base/addresses.ts'
import type { Caps } from '../server/base/caps.ts'
import type { Catalog } from '../server/base/catalog.ts'
import type { Fault } from '../server/base/errors.ts'
import { type Outbound, OutboundError } from '../server/base/outbound.ts'
import { readJson } from '../server/base/read-json.ts'
import type { Logo } from './app-store.ts'
import { type Manifest, parseManifest } from './manifest.ts'
import { parseJwks } from './recipient-key.ts'

export type { Logo } from './app-store.ts'

export type CheckCaps = Pick<Caps, 'clock'> & { outbound: Outbound; catalog: Catalog }

export type CheckedKeys = {
  /** The public keys in the request, without unused members. */
  inline?: { keys: JWK[] }
  /** The content of `jwks_uri`, in the same form. */
  fetched?: { keys: JWK[] }
}

export type CheckedManifest =
  | { manifest: Manifest; keys: CheckedKeys; logo: Logo | undefined; faults: [] }
  | { manifest?: undefined; faults: Fault[] }

/** All checks of a registration, including those that use the network; call it outside any transaction. */
export async function checkManifest(
  { outbound, catalog }: CheckCaps,
  input: Record<string, unknown>,
): Promise<CheckedManifest> {
  const { manifest, faults } = parseManifest(input, catalog)
  if (!manifest) return { faults }
  const addressFaults = await Promise.all(
    (['key_delivery_uri', 'jwks_uri', 'logo_uri'] as const).map(field =>
      addressFault(outbound, field, manifest[field]),
    ),
  )
  const found = addressFaults.filter(fault => fault !== undefined)
  if (found.length > 0) return { faults: found }

  const keys = await checkKeys(outbound, manifest, input['jwks'])
  if (keys.fault) return { faults: [keys.fault] }
  const logo = manifest.logo_uri ? await fetchLogo(outbound, manifest.logo_uri) : undefined
  if (logo === 'unfit') {
    return { faults: [{ field: 'logo_uri', message: 'must answer with an SVG or PNG image of 64 kB or less' }] }
  }
  return { manifest, keys, logo, faults: [] }
}

type KeyCheck = { fault: Fault } | ({ fault?: undefined } & CheckedKeys)

async function checkKeys(outbound: Outbound, manifest: Manifest, inline: unknown): Promise<KeyCheck> {
  if (inline !== undefined && manifest.jwks_uri)
    return { fault: { field: 'jwks', message: 'and jwks_uri exclude each other' } }
  if (inline === undefined && !manifest.jwks_uri) {
    const needed = manifest.managed_keys.length > 0
    return needed ? { fault: { field: 'jwks', message: 'or jwks_uri is required for managed keys' } } : {}
  }
  const jwks = manifest.jwks_uri ? await fetchJwks(outbound, manifest.jwks_uri) : inline
  const parsed = await parseJwks(jwks, manifest.jwks_uri ? 'jwks_uri' : 'jwks')
  if (parsed.fault) return { fault: parsed.fault }
  const { keys } = parsed
  return manifest.jwks_uri ? { fetched: { keys } } : { inline: { keys } }
}

/**
 * Why an address that Latchkey would call cannot be registered: it needs https and must not lead into the operator's network.
 */
async function addressFault(
  outbound: Outbound,
  field: string,
  address: string | undefined,
): Promise<Fault | undefined> {
  if (address === undefined) return undefined
  const url = new URL(address)
  if (url.username || url.password) return { field, message: 'must not contain credentials' }
  if (url.hash) return { field, message: 'must not have a fragment' }
  // Resolved addresses are checked only when connecting: an error here would reveal which internal names exist.
  if (url.protocol === 'https:' && !isFixedHost(url.hostname)) return undefined
  try {
    await outbound.check(address)
    if (url.protocol !== 'https:' && !(await outbound.mayBePlain(address))) return { field, message: 'must use https' }
    return undefined
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    if (error.fault === 'address_refused' && isFixedHost(url.hostname))
      return { field, message: 'points to an address that is not public' }
    // A name that does not resolve now may resolve later; every connection is checked again.
    return url.protocol === 'https:' ? undefined : { field, message: 'must use https' }
  }
}

/** The JWK Set at an address; undefined if it cannot be fetched. */
export async function fetchJwks(outbound: Outbound, address: string): Promise<unknown> {
  try {
    const answer = await outbound.fetch(address, { headers: { accept: 'application/jwk-set+json, application/json' } })
    return answer.status === 200 ? readJson(await answer.text()) : undefined
  } catch (error) {
    if (error instanceof OutboundError || error instanceof SyntaxError) return undefined
    throw error
  }
}

const LOGO_TYPES = ['image/svg+xml', 'image/png']

/**
 * A copy of the app's logo: pages show images from their own origin only, so a platform never sees a visitor's address.
 * Undefined if the address does not respond.
 */
async function fetchLogo(outbound: Outbound, address: string): Promise<Logo | 'unfit' | undefined> {
  try {
    const answer = await outbound.fetch(address, { headers: { accept: LOGO_TYPES.join(', ') } })
    const type = (answer.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
    if (answer.status !== 200 || !LOGO_TYPES.includes(type)) return 'unfit'
    return { type, bytes: Buffer.from(await answer.arrayBuffer()) }
  } catch (error) {
    if (error instanceof OutboundError) return error.fault === 'protocol' ? 'unfit' : undefined // too large
    throw error
  }
}
