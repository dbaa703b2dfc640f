import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIPv4 } from 'node:net'
import { z } from 'zod'
import { realElapsed, SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Ids } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { parseInput } from '../http/parse.ts'
import { asAppError, problemOf } from '../http/respond-error.ts'
import type { Question } from './judge-key.ts'
import type { Verification } from './verification.ts'

type VerifyCaps = {
  verification: Verification
  ids: Ids
  log: Log
}

const PATH = '/v1/keys/verify'
const LARGEST_BODY = 8 * 1_024
const LONGEST_KEY = 1_000
const LONGEST_PERMISSION = 80

const body = z.object({
  key: z.string('is required').max(LONGEST_KEY, `must have ${LONGEST_KEY} characters or fewer`),
  permission: z.string().max(LONGEST_PERMISSION).optional(),
  ip: z.union([z.ipv4(), z.ipv6()], 'must be an IP address').optional(),
})

type Asked = Question & { key: string }

/** The usual form of a call is checked by hand; anything else goes through the schema, which names the fault. */
function readQuestion(input: unknown): Asked {
  return looksRight(input) ? input : parseInput(body, input)
}

function looksRight(input: unknown): input is Asked {
  if (typeof input !== 'object' || input === null) return false
  const { key, permission, ip } = input as { [name in keyof Asked]?: unknown }
  return (
    typeof key === 'string' &&
    key.length <= LONGEST_KEY &&
    (permission === undefined || (typeof permission === 'string' && permission.length <= LONGEST_PERMISSION)) &&
    (ip === undefined || (typeof ip === 'string' && isIPv4(ip)))
  )
}

/** Whether a request is for `POST /v1/keys/verify`, which runs before sessions, the authorization server and Express. */
export function asksToVerify({ method, url = '' }: IncomingMessage): boolean {
  if (method !== 'POST') return false
  const path = url.startsWith('/') ? url : pathOf(url)
  return path.startsWith(PATH) && (path.length === PATH.length || path[PATH.length] === '?')
}

/**
 * `POST /v1/keys/verify`, which resource servers call for each of their requests (docs/wire.md#verification). It logs no line per
 * call: results are counted, and refused requests are logged at debug level.
 */
export function verifyRoute(deps: VerifyCaps): (req: IncomingMessage, res: ServerResponse) => void {
  const { verification } = deps
  const refuse = createRefusal(deps)

  /** Synchronous if everything is in memory: a promise per call would cost as much as the rest of it. */
  function answer(token: string | undefined, text: string): string | Promise<string> {
    const known = token !== undefined && verification.knowsVerifier(token)
    return known instanceof Promise ? known.then(found => answerKnown(found, text)) : answerKnown(known, text)
  }

  function answerKnown(known: boolean, text: string): string | Promise<string> {
    if (!known) throw new AppError('access.unauthorized', { detail: 'Send a verifier key as Authorization: Bearer.' })
    const asked = readQuestion(parseJson(text))
    return verification.verify(asked.key, asked)
  }

  function reply(req: IncomingMessage, res: ServerResponse, text: string): void {
    try {
      const verdict = answer(bearerOf(req.headers.authorization), text)
      if (verdict instanceof Promise) {
        verdict.then(
          late => send(res, late),
          error => refuse(res, error),
        )
      } else send(res, verdict)
    } catch (error) {
      refuse(res, error)
    }
  }

  return (req, res) => {
    if (!isJson(req.headers['content-type']) || req.headers['content-encoding'] !== undefined) {
      res.setHeader('Connection', 'close') // the rest of the body is not read
      refuse(res, new AppError('request.invalid', { detail: 'Send application/json in UTF-8, not compressed.' }))
      return
    }
    readBody(req, text => {
      if (text === undefined) {
        res.setHeader('Connection', 'close') // the rest of the body is not read
        refuse(res, new AppError('request.too_large'))
        return
      }
      reply(req, res, text)
    })
  }
}

function createRefusal({ ids, log }: VerifyCaps): (res: ServerResponse, thrown: unknown) => void {
  let saidAt = Number.NEGATIVE_INFINITY
  let unsaid = 0

  function refuse(res: ServerResponse, thrown: unknown): void {
    const error = asAppError(thrown)
    const { status, headers, text } = problemOf(error, ids.next('req'))
    if (status >= 500) fail(error)
    else log.debug({ code: error.code, path: PATH }, 'request refused')
    res.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(text), 'Cache-Control': 'no-store' })
    res.end(text)
  }

  /** When every call fails, the log gets one line a second. */
  function fail(error: AppError): void {
    unsaid += 1
    const now = realElapsed()
    if (now - saidAt < SECOND) return
    log.error({ err: error.cause ?? error, path: PATH, failed: unsaid }, 'verifications failed')
    saidAt = now
    unsaid = 0
  }

  return refuse
}

function send(res: ServerResponse, text: string): void {
  res.writeHead(200, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  })
  res.end(text)
}

/** Passes on the whole body, or undefined if it is too large. */
function readBody(req: IncomingMessage, done: (text: string | undefined) => void): void {
  if (Number(req.headers['content-length'] ?? 0) > LARGEST_BODY) {
    done(undefined)
    return
  }
  let parts: Buffer | undefined
  const take = (part: Buffer): void => {
    parts = parts ? Buffer.concat([parts, part]) : part
    if (parts.length <= LARGEST_BODY) return
    req.off('data', take).off('end', end).resume()
    done(undefined)
  }
  const end = (): void => done(parts?.toString() ?? '')
  req.on('data', take).on('end', end)
}

function parseJson(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    throw new AppError('request.invalid', { detail: 'The body cannot be read.' }) // the parser's own message quotes the body
  }
}

/** A proxy may send the absolute form (RFC 9112 §3.2.2). */
function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : ''
}

function isJson(type: string | undefined): boolean {
  return type === 'application/json' || /^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(type ?? '')
}

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1). */
function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(header ?? '')?.[1]
}
