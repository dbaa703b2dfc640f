/** @import { Options } from './types.d.ts' */
import { isWellFormedVerifierKey } from './presented-key.js'

const QUIET_MS = 10_000

/**
 * Completes the options from the environment; throws a TypeError that lists every fault and contains no secret.
 * @param {Options} options
 */
export function readOptions(options) {
  const {
    url: address = process.env['LATCHKEY_URL'],
    verifierKey = process.env['LATCHKEY_VERIFIER_KEY'],
    realm = 'api',
    timeoutMs = 2_000,
    connections = 64,
    trustProxy = 0,
  } = options
  const url = URL.canParse(address ?? '') ? new URL(address ?? '') : undefined
  const plain = url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash
  const faults = [
    plain ? '' : 'url (LATCHKEY_URL) must be an http:// or https:// address without credentials, query or fragment',
    typeof verifierKey === 'string' && isWellFormedVerifierKey(verifierKey)
      ? ''
      : 'verifierKey (LATCHKEY_VERIFIER_KEY) must be a whole verifier key: latchkey verifier create --name "My API"',
    /^[ !#-[\]-~]{1,100}$/.test(realm) ? '' : 'realm must be plain text without quotes and backslashes',
    isWhole(timeoutMs, 1, 60_000) ? '' : 'timeoutMs must be a whole number from 1 to 60000',
    isWhole(connections, 1, 10_000) ? '' : 'connections must be a whole number from 1 to 10000',
    isWhole(trustProxy, 0, 20) ? '' : 'trustProxy must be a whole number from 0 to 20: how many proxies there are',
    ...['address', 'key', 'onError'].map(name =>
      ['undefined', 'function'].includes(typeof Reflect.get(options, name)) ? '' : `${name} must be a function`,
    ),
  ].filter(Boolean)
  if (!url || !verifierKey || faults.length > 0) throw new TypeError(`latchkey/verify: ${faults.join('; ')}`)
  return {
    url: new URL(`${url.origin}${url.pathname.replace(/\/+$/, '')}/v1/keys/verify`),
    verifierKey,
    realm,
    timeoutMs,
    connections,
    trustProxy,
    address: options.address,
    key: options.key,
    onError: options.onError ?? complainSeldom(),
  }
}

/**
 * Throws unless the value has the syntax of a permission (RFC 6749 §3.3: a scope token).
 * @param {unknown} permission
 */
export function checkPermission(permission) {
  if (typeof permission === 'string' && /^[!#-[\]-~]{1,80}$/.test(permission)) return
  throw new TypeError('latchkey/verify: a permission must be a name such as charges:read; leave it out for any key')
}

/**
 * @param {unknown} value
 * @param {number} least
 * @param {number} most
 */
function isWhole(value, least, most) {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most
}

/** Logs at most one line in ten seconds, because a Latchkey that is down fails every request. */
function complainSeldom() {
  let quietUntil = 0
  return (/** @type {Error} */ { message }) => {
    if (performance.now() < quietUntil) return
    quietUntil = performance.now() + QUIET_MS
    console.error(`latchkey/verify: ${message}`)
  }
}
