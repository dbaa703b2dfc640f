import { type Request, type Response, Router } from 'express'
import { AppError, type ErrorCode } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { errorsOf, type Operation } from './operation.ts'
import { jsonBody } from './parse.ts'
import { respondProblem } from './respond-error.ts'

/** Errors that any request may get. */
const OF_ANY_REQUEST: readonly ErrorCode[] = ['request.invalid', 'request.too_large', 'service.unavailable', 'internal']

/** The log message for an operation that throws an error missing from its `errors`. */
export const UNDECLARED = 'an operation threw an error that it does not declare'

/**
 * Mounts the operations of a JSON API whose paths all begin with `prefix`; a body may have 64 kB unless `bodyLimit` says
 * otherwise. Errors are problem+json (RFC 9457).
 */
export function operationRouter<Caps extends { log: Log }>(
  prefix: string,
  operations: readonly Operation<Caps>[],
  caps: Caps,
  bodyLimit?: string,
): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.use(prefix, ...jsonBody(bodyLimit))
  for (const operation of operations) {
    const { method, path, access } = operation
    if (!path.startsWith(`${prefix}/`)) throw new Error(`${path} is outside ${prefix}`)
    router[method](
      path,
      async (req: Request, res: Response) => {
        const { status, body } = await operation.answer(caps, req, res).catch(error => {
          reportUndeclared(caps.log, operation, error)
          throw error
        })
        if (status === 204) res.status(204).end()
        else res.status(status).json(body)
      },
      respondProblem(caps.log, access.challenges),
    )
  }
  router.use(prefix, respondProblem(caps.log))
  return router
}

/** A client handles the errors that the OpenAPI document names; an operation that throws another one has a fault. */
function reportUndeclared(log: Log, operation: Operation<never>, error: unknown): void {
  if (!(error instanceof AppError) || OF_ANY_REQUEST.includes(error.code)) return
  if (errorsOf(operation).includes(error.code)) return
  log.warn({ operation: operation.id, code: error.code }, UNDECLARED)
}
