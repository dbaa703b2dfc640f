import type { RequestHandler, Response } from 'express'
import { sendProblem } from './problem.ts'

/** Whose key it was, as Latchkey told. `account_id` and `mode` decide which data the caller may see. */
export interface Caller {
  key_id: string
  account_id: string
  mode: 'live' | 'test'
  permissions: string[]
}

type Verdict = (Caller & { valid: true }) | { valid: false; code: string }

const realm = 'Bearer realm="Northwind Pay"'

// RFC 6750, section 3.1: the token itself is at fault (401), or what it may do (403).
const refusals: Record<string, { status: number; title: string; detail: string }> = {
  insufficient_permissions: { status: 403, title: 'Forbidden', detail: 'This key lacks the permission for this call.' },
  ip_not_allowed: { status: 403, title: 'Forbidden', detail: 'This key may not be used from this address.' },
  rate_limited: { status: 429, title: 'Too many requests', detail: 'This key is used too often. Try again later.' },
}
const invalidKey = { status: 401, title: 'Unauthorized', detail: 'This key does not work, or no longer.' }

/**
 * Middleware: lets a request pass if its key holds `permission`, and puts the caller into `res.locals.caller`.
 * Every request asks Latchkey, so that a key which was expired a moment ago is refused now; no answer means no.
 */
export function requirePermission(latchkeyUrl: string, verifierKey: string, permission: string): RequestHandler {
  return async (req, res, next) => {
    const key = /^Bearer +(\S+) *$/i.exec(req.get('authorization') ?? '')?.[1]
    if (!key) {
      res.set('WWW-Authenticate', realm)
      sendProblem(res, 401, 'unauthorized', 'Unauthorized', 'Send your key as "Authorization: Bearer …".')
      return
    }
    const verdict = await askLatchkey(latchkeyUrl, verifierKey, { key, permission, ip: callerAddress(req.ip) })
    if (verdict === undefined) refuseUnverified(res)
    else if (!verdict.valid) refuse(res, verdict.code, permission)
    else {
      res.locals['caller'] = verdict
      next()
    }
  }
}

/** The caller that `requirePermission` let in. */
export function callerOf(res: Response): Caller {
  return res.locals['caller'] as Caller
}

async function askLatchkey(url: string, verifierKey: string, question: object): Promise<Verdict | undefined> {
  try {
    const answer = await fetch(`${url}/v1/keys/verify`, {
      method: 'POST',
      headers: { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(question),
      redirect: 'error',
      signal: AbortSignal.timeout(3000),
    })
    if (answer.status !== 200) throw new Error(`Latchkey answered ${answer.status}`)
    const verdict = (await answer.json()) as Partial<Verdict>
    if (typeof verdict.valid !== 'boolean') throw new Error('Latchkey answered something else than a verdict')
    return verdict as Verdict
  } catch (error) {
    console.error(`Cannot verify keys: ${error instanceof Error ? error.message : 'unknown error'}`)
    return undefined
  }
}

function refuse(res: Response, code: string, permission: string): void {
  const { status, title, detail } = refusals[code] ?? invalidKey
  if (status === 401) res.set('WWW-Authenticate', `${realm}, error="invalid_token"`)
  if (code === 'insufficient_permissions') {
    res.set('WWW-Authenticate', `${realm}, error="insufficient_scope", scope="${permission}"`)
  }
  if (status === 429) res.set('Retry-After', '1')
  sendProblem(res, status, code, title, detail)
}

function refuseUnverified(res: Response): void {
  res.set('Retry-After', '5')
  sendProblem(res, 503, 'verification_unavailable', 'Service unavailable', 'Keys cannot be checked right now.')
}

// A dual-stack socket reports IPv4 callers as ::ffff:203.0.113.7.
function callerAddress(ip: string | undefined): string | undefined {
  return ip?.replace(/^::ffff:(?=\d+\.)/, '')
}
