/** @import { RefusalCode, Refused } from './types.d.ts' */

/** @type {Record<Refused['status'], string>} */
const TITLES = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  429: 'Too many requests',
  503: 'Service unavailable',
}

/**
 * Each refusal with its status, a text for people, and the error of RFC 6750 §3.1 if one applies: 401 is about the key itself,
 * 403 about its permissions.
 * @type {Record<RefusalCode, [status: Refused['status'], detail: string, error?: string]>}
 */
const REFUSALS = {
  key_missing: [401, 'Send your key as "Authorization: Bearer ...".'],
  invalid_request: [400, 'Send one Authorization header.', 'invalid_request'],
  malformed: [401, 'This is not a key, or not a whole one.', 'invalid_token'],
  not_found: [401, 'This key does not work.', 'invalid_token'],
  expired: [401, 'This key has expired.', 'invalid_token'],
  suspended: [401, 'This key is suspended.', 'invalid_token'],
  frozen: [401, 'This key is frozen.', 'invalid_token'],
  insufficient_permissions: [403, 'This key lacks the permission for this call.', 'insufficient_scope'],
  ip_not_allowed: [403, 'This key may not be used from this address.'],
  rate_limited: [429, 'This key is used too often. Try again later.'],
  verification_unavailable: [503, 'Keys cannot be verified right now. Try again later.'],
}

/** @type {Partial<Record<Refused['status'], string>>} Seconds. */
const RETRY_AFTER = { 429: '1', 503: '2' }

/**
 * The response to a refused request. An unknown code, from a later version of Latchkey, counts as `not_found`.
 * @param {string} named
 * @param {string} realm
 * @param {string} [permission]
 * @returns {Refused}
 */
export function refusal(named, realm, permission) {
  const code = Object.hasOwn(REFUSALS, named) ? /** @type {RefusalCode} */ (named) : 'not_found'
  const [status, detail, error] = REFUSALS[code]
  const challenge = [`Bearer realm="${realm}"`]
  if (error) challenge.push(`error="${error}"`, `error_description="${detail}"`)
  if (error === 'insufficient_scope' && permission !== undefined) challenge.push(`scope="${permission}"`)
  const retryAfter = RETRY_AFTER[status]
  return {
    valid: false,
    code,
    status,
    headers: {
      'Cache-Control': 'no-store',
      'Content-Type': 'application/problem+json',
      ...((error || status === 401) && { 'WWW-Authenticate': challenge.join(', ') }),
      ...(retryAfter && { 'Retry-After': retryAfter }),
    },
    problem: { type: 'about:blank', title: TITLES[status], status, code, detail },
  }
}

/** @type {typeof import('./types.d.ts').refuse} */
export function refuse(res, { status, headers, problem }) {
  if (res.headersSent || res.destroyed) return
  const body = JSON.stringify(problem)
  res.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) }).end(body)
}
