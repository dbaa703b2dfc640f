import type { IncomingMessage, ServerResponse } from 'node:http'

declare module 'http' {
  interface IncomingMessage {
    /** The verified key of the request; set behind `protect`. */
    latchkey?: VerifiedKey
  }
}

/** A valid key, as returned by Latchkey. `account_id` and `mode` decide which data the caller may see. */
export interface VerifiedKey {
  valid: true
  key_id: string
  type: 'managed' | 'restricted'
  account_id: string
  installation_id: string | null
  app_id: string | null
  mode: 'live' | 'test'
  permissions: string[]
  /** RFC 3339, or null if the key has no deadline. */
  expires_at: string | null
}

/** The refusal codes of Latchkey, and those that need no request. */
export type RefusalCode =
  | 'key_missing'
  | 'invalid_request'
  | 'malformed'
  | 'not_found'
  | 'expired'
  | 'suspended'
  | 'frozen'
  | 'insufficient_permissions'
  | 'ip_not_allowed'
  | 'rate_limited'
  | 'verification_unavailable'

/** A refused request with its whole response; `refuse` sends it. */
export interface Refused {
  valid: false
  code: RefusalCode
  status: 400 | 401 | 403 | 429 | 503
  headers: Record<string, string>
  /** RFC 9457. */
  problem: { type: 'about:blank'; title: string; status: number; code: RefusalCode; detail: string }
}

export type Verdict = VerifiedKey | Refused

export interface Options {
  /** The URL of Latchkey; default `LATCHKEY_URL`. Its path is kept, so that Latchkey may be behind a prefix. */
  url?: string | undefined
  /** The `lkv_…` of `latchkey verifier create`; default `LATCHKEY_VERIFIER_KEY`. */
  verifierKey?: string | undefined
  /** Names your API in `WWW-Authenticate`; default `api`. */
  realm?: string | undefined
  /**
   * The limit for the whole response, in milliseconds; default 2000. Without a response in time the call is refused.
   */
  timeoutMs?: number | undefined
  /** The most concurrent connections to Latchkey; default 64. They are kept alive. */
  connections?: number | undefined
  /**
   * How many proxies are in front of your API and add to `X-Forwarded-For`; default 0, which ignores that header. Set
   * it only if your API is reachable through them only.
   */
  trustProxy?: number | undefined
  /** Returns the caller's address in place of `trustProxy`; undefined if it is unknown. */
  address?: ((req: IncomingMessage) => string | undefined) | undefined
  /** Returns the key in place of the default, `Authorization: Bearer` only. */
  key?: ((req: IncomingMessage) => string | undefined) | undefined
  /**
   * Called with the reason why a key could not be verified; the message never contains a key. Default: one line on standard
   * error, at most once in ten seconds.
   */
  onError?: ((error: Error) => void) | undefined
}

export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

export interface Latchkey {
  /** Middleware that lets a request pass if its key has the permission; without one, if its key is valid. */
  protect(permission?: string): Middleware
  /**
   * The verdict on the key of a request. Never rejects, whatever the caller sends and Latchkey responds. It is valid for this
   * request only: verify again for the next.
   */
  verify(req: IncomingMessage, permission?: string): Promise<Verdict>
  /** Closes the connections. */
  close(): void
}

/** Checks the options and throws a TypeError that lists every fault. Makes no request yet. */
export function connectLatchkey(options?: Options): Latchkey

/** `protect` of the Latchkey that the environment configures: `LATCHKEY_URL`, `LATCHKEY_VERIFIER_KEY`. */
export function protect(permission?: string): Middleware

/** `verify` of the Latchkey that the environment configures: `LATCHKEY_URL`, `LATCHKEY_VERIFIER_KEY`. */
export function verify(req: IncomingMessage, permission?: string): Promise<Verdict>

/** Responds to a refused request: status, `WWW-Authenticate` (RFC 6750 §3) and a problem (RFC 9457). */
export function refuse(res: ServerResponse, refused: Refused): void

/** The key of the request behind `protect`; throws if the route is not protected. */
export function keyOf(req: IncomingMessage): VerifiedKey
