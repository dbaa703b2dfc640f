import type { JWK } from 'jose'
import type { Fault } from '../server/base/errors.ts'
import { isSoundModulus } from './sound-modulus.ts'

/** The member of a registration that a JWK Set came from. */
export type JwksField = 'jwks' | 'jwks_uri'

export type ReadJwks = { keys: JWK[]; fault?: undefined } | { fault: Fault }

const MOST_KEYS = 20
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv']
const COMMON_MEMBERS = ['kty', 'use', 'kid', 'alg']
/** RFC 7518 §6, RFC 8037 §2. A key of another type is ignored (RFC 7517 §5). */
const MEMBERS_OF_TYPE = new Map([
  ['RSA', ['n', 'e']],
  ['EC', ['crv', 'x', 'y']],
  ['OKP', ['crv', 'x']],
])

/**
 * Reads the public keys of a JWK Set (RFC 7517 §5). Only the needed members are kept, so that no other member can take effect
 * later. A set with a private key is refused. Keys of unknown types are left out, and so are RSA keys whose signatures prove
 * nothing. Faults name the member, as in `jwks.keys[0].kid`.
 */
export function readJwks(input: unknown, field: JwksField): ReadJwks {
  const entries = isObject(input) ? input['keys'] : undefined
  if (!Array.isArray(entries) || entries.length === 0 || entries.length > MOST_KEYS)
    return { fault: { field, message: `must be a JWK Set with 1 to ${MOST_KEYS} keys` } }
  const keys: JWK[] = []
  for (const [index, entry] of entries.entries()) {
    const read = readKey(entry)
    if (typeof read === 'string') return { fault: faultAt(field, index, read) }
    if (read && (read.use === 'enc' || read.kty !== 'RSA' || isSoundModulus(read))) keys.push(read)
  }
  return { keys }
}

/** The key, its fault, or undefined if its type is unknown. */
function readKey(entry: unknown): JWK | string | undefined {
  if (!isObject(entry)) return 'must be an object'
  const secret = PRIVATE_MEMBERS.find(member => Object.hasOwn(entry, member))
  if (secret || entry['kty'] === 'oct') return 'must be a public key; a private key was sent and must be replaced'
  if (entry['kty'] === undefined) return '.kty is required'
  const own = MEMBERS_OF_TYPE.get(String(entry['kty']))
  const wrong = [...COMMON_MEMBERS, ...(own ?? [])].find(name => !isText(entry[name]) && entry[name] !== undefined)
  if (wrong) return `.${wrong} must be a string`
  if (!own) return undefined
  const missing = own.find(name => entry[name] === undefined)
  if (missing) return `.${missing} is required`
  const operations = entry['key_ops']
  if (operations !== undefined && !(Array.isArray(operations) && operations.every(isText)))
    return '.key_ops must be a list of strings'
  const kept = [...COMMON_MEMBERS, ...own].filter(name => entry[name] !== undefined)
  const key: Record<string, unknown> = Object.fromEntries(kept.map(name => [name, entry[name]]))
  // The operations of an encryption key follow from its use; WebCrypto exports an empty list for ECDH.
  if (operations !== undefined && entry['use'] !== 'enc') key['key_ops'] = operations
  return key as JWK
}

function faultAt(field: JwksField, index: number, message: string): Fault {
  const [, member = '', rest = message] = /^(\.\w+) (.*)$/s.exec(message) ?? []
  const location = `keys[${index}]${member}`
  // The content behind an address is not part of the request, so the field is the address.
  return field === 'jwks'
    ? { field: `jwks.${location}`, message: rest }
    : { field, message: `contains ${location}, which ${rest}` }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
