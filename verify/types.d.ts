import type { IncomingMessage, ServerResponse } from 'node:http'

declare module 'http' {
  interface IncomingMessage {
    /** The key that the request was let in with; there behind `protect`. */
    latchkey?: VerifiedKey
  }
}

/** A key that works, as Latchkey answered. `account_id` and `mode` decide which data the caller may see. */
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

/** What Latchkey says of a key, and what is found out without asking it. */
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

/** A request that may not pass, with the whole answer to it; `refuse` sends it. */
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
  /** Where Latchkey is; default `LATCHKEY_URL`. A path is kept, so that it may stand behind a prefix. */
  url?: string | undefined
  /** The `lkv_…` of `latchkey verifier create`; default `LATCHKEY_VERIFIER_KEY`. */
  verifierKey?: string | undefined
  /** Names your API in `WWW-Authenticate`; default `api`. */
  realm?: string | undefined
  /** From the question to the whole answer, in milliseconds; default 2000. No answer in time means no. */
  timeoutMs?: number | undefined
  /** Most connections to Latchkey at a time; default 64. They are kept alive. */
  connections?: number | undefined
  /**
   * How many proxies stand in front of your API and add to `X-Forwarded-For`; default 0, when that header is never
   * looked at. Set it only where nobody reaches your API except through them.
   */
  trustProxy?: number | undefined
  /** Tells the caller's address in your own way, and then `trustProxy` is not used; undefined: it is unknown. */
  address?: ((req: IncomingMessage) => string | undefined) | undefined
  /** Reads the key in your own way; default: `Authorization: Bearer`, and nothing else. */
  key?: ((req: IncomingMessage) => string | undefined) | undefined
  /**
   * Told why a key could not be verified; the message never holds a key. Default: one line on standard error, at most
   * once in ten seconds.
   */
  onError?: ((error: Error) => void) | undefined
}

export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void

export interface Latchkey {
  /** Middleware that lets a request pass if its key holds the permission; without one, any key that works. */
  protect(permission?: string): Middleware
  /**
   * The verdict on the key of a request; whatever the caller sent and whatever Latchkey does, it does not reject. It holds
   * for this request only: ask again for the next.
   */
  verify(req: IncomingMessage, permission?: string): Promise<Verdict>
  /** Lets go of the connections. */
  close(): void
}

/** Checks the options, and throws a TypeError that lists every fault; asks nothing yet. */
export function connectLatchkey(options?: Options): Latchkey

/** `protect` of a Latchkey that the environment names: `LATCHKEY_URL`, `LATCHKEY_VERIFIER_KEY`. */
export function protect(permission?: string): Middleware

/** `verify` of a Latchkey that the environment names: `LATCHKEY_URL`, `LATCHKEY_VERIFIER_KEY`. */
export function verify(req: IncomingMessage, permission?: string): Promise<Verdict>

/** Responds to a refused request: status, `WWW-Authenticate` (RFC 6750 §3) and a problem (RFC 9457). */
export function refuse(res: ServerResponse, refused: Refused): void

/** The key behind `protect`; throws where the route is not protected. */
export function keyOf(req: IncomingMessage): VerifiedKey
