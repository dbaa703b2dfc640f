import type { ErrorRequestHandler, Request, Response } from 'express'
import { AppError, AWAY_RETRY_SECONDS, DatabaseAway, ERRORS, type ErrorCode } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { redactSecrets } from '../base/secret-format.ts'
import type { ErrorPage } from './page-parts.ts'
import { type RenderPage, requestId } from './pages.ts'
import { viewerOf } from './viewer.ts'

/** Maps errors of Express and its parsers to an `AppError`; an unknown one becomes an opaque 500. */
export function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (error instanceof DatabaseAway)
    return new AppError('service.unavailable', { cause: error, retryAfter: AWAY_RETRY_SECONDS })
  const status = error instanceof Error && 'status' in error ? error.status : undefined
  // A parser's error contains the body, which may contain a key, so it never becomes a cause.
  if (status === 413) return new AppError('request.too_large')
  if (typeof status === 'number' && status >= 400 && status < 500) {
    const unreadable = error instanceof Error && 'body' in error
    return new AppError('request.invalid', unreadable ? { detail: 'The body cannot be read.' } : {})
  }
  return new AppError('internal', { cause: error })
}

function report(error: AppError, req: Request, res: Response, log: Log): void {
  const { status } = ERRORS[error.code]
  const fields = { request: requestId(res), method: req.method, path: redactSecrets(req.path), code: error.code }
  if (status >= 500 && error.code !== 'service.busy')
    log.error({ ...fields, err: error.cause ?? error }, 'request failed')
  else log.debug(fields, 'request refused')
  if (status === 413) res.set('Connection', 'close') // the rest of the body is not read
  if (error.retryAfter !== undefined) res.set('Retry-After', String(error.retryAfter))
}

/** An error as application/problem+json (RFC 9457) with a stable `code`. */
export function problemOf(
  error: AppError,
  request: string,
): { status: number; headers: Record<string, string>; text: string } {
  const { status, code, title } = ERRORS[error.code]
  const headers = {
    'Content-Type': 'application/problem+json; charset=utf-8',
    ...(error.retryAfter !== undefined && { 'Retry-After': String(error.retryAfter) }),
    ...(status === 401 && { 'WWW-Authenticate': 'Bearer realm="latchkey"' }),
  }
  const text = JSON.stringify({
    type: 'about:blank',
    title,
    status,
    code,
    ...(error.detail && { detail: error.detail }),
    ...(error.faults.length > 0 && { errors: error.faults }),
    request_id: request,
  })
  return { status, headers, text }
}

/** The challenges of a 401 (RFC 9110 §11.6.1), the scheme that the request used first. */
export type Challenges = (error: AppError, scheme: string | undefined) => string[]

/** For endpoints that take keys: Bearer only (RFC 6750 §3). */
const bearerChallenge: Challenges = (_error, scheme) => [
  `Bearer realm="latchkey"${scheme === undefined ? '' : ', error="invalid_token"'}`,
]

/** Responds as application/problem+json. */
export function respondProblem(log: Log, challenges = bearerChallenge): ErrorRequestHandler {
  return (thrown, req, res, next) => {
    if (res.headersSent) return next(thrown)
    const error = asAppError(thrown)
    report(error, req, res, log)
    const { status, headers, text } = problemOf(error, requestId(res))
    const [, scheme] = /^(Bearer|DPoP) /i.exec(req.get('authorization') ?? '') ?? []
    res.status(status).set(headers)
    if (status === 401) res.set('WWW-Authenticate', challenges(error, scheme))
    res.send(text)
  }
}

/** Responds as an OAuth endpoint does (RFC 6749 §5.2): for errors before the authorization server receives the request. */
export function respondOAuth(log: Log): ErrorRequestHandler {
  return (thrown, req, res, next) => {
    if (res.headersSent) return next(thrown)
    const error = asAppError(thrown)
    report(error, req, res, log)
    const { status } = ERRORS[error.code]
    const unavailable = status === 429 || status === 503
    const fault = unavailable ? 'temporarily_unavailable' : status >= 500 ? 'server_error' : 'invalid_request'
    res.status(status).set('Cache-Control', 'no-store').json({ error: fault, error_description: error.message })
  }
}

/** Responds with the error page. */
export function respondPage(log: Log, render: RenderPage): ErrorRequestHandler {
  return (thrown, req, res, next) => {
    if (res.headersSent) return next(thrown)
    const error = asAppError(thrown)
    report(error, req, res, log)
    const { status, title } = ERRORS[error.code]
    const page: ErrorPage = {
      status,
      heading: title,
      text: error.detail ?? TEXTS[error.code] ?? FALLBACK,
      actions: actions(viewerOf(res) !== undefined),
    }
    render(req, res, 'error', { title, status }, page)
  }
}

const FALLBACK = 'Go back and try again. Nothing was changed.'
const TEXTS: Partial<Record<ErrorCode, string>> = {
  'object.not_found':
    'The address may be mistyped, or what was here belongs to another account. If someone sent you the link, ask which account they were in.',
  'account.link_over':
    'Nothing was changed. It works once and for a limited time. Ask for a new one where you asked for this one.',
  'request.cross_site': 'Nothing was changed. Open the page again here and press the button there.',
  'service.busy': 'Nothing was changed. Many people are signing in just now. Wait a moment, then try again.',
  'request.rate_limited': 'Nothing was changed. Wait a minute, then try again.',
  'service.unavailable':
    'This is our fault. Wait a minute, then check whether your last change was saved before you send it again.',
  internal: 'This is our fault; it has been logged. Try again in a moment.',
}

function actions(known: boolean): ErrorPage['actions'] {
  if (!known) return [{ href: '/marketplace', text: 'Open marketplace', primary: true }]
  return [
    { href: '/apps', text: 'Go to installed apps', primary: true },
    { href: '/marketplace', text: 'Open marketplace', primary: false },
  ]
}
