import express, { type NextFunction, type Request, type RequestHandler, type Response } from 'express'
import type { z } from 'zod'
import { AppError, type ErrorCode, type Fault } from '../base/errors.ts'

/** Reads a form of a page; a body of another type or over 64 kB never reaches a route. */
export const formBody: RequestHandler[] = [
  express.urlencoded({ extended: false, limit: '64kb', parameterLimit: 1_000 }),
  refuseNul,
]

/** PostgreSQL refuses NUL in text, and no person types one: it never reaches a route, in the address or in the form. */
function refuseNul(req: Request, _res: Response, next: NextFunction): void {
  const sent = [req.originalUrl.includes('%00') ? '\0' : '', ...Object.values((req.body ?? {}) as object).flat()]
  const found = sent.some(value => typeof value === 'string' && value.includes('\0'))
  next(found ? new AppError('request.invalid', { detail: 'A NUL character is in what was sent.' }) : undefined)
}

/** Turns input into a type at the border. Throws `code` with every fault, each naming its field. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  code: ErrorCode = 'request.invalid',
): z.infer<Schema> {
  const parsed = schema.safeParse(input ?? {})
  if (parsed.success) return parsed.data
  throw new AppError(code, { faults: faultsOf(parsed.error) })
}

export function faultsOf(error: z.ZodError): Fault[] {
  return error.issues.flatMap(issue => {
    const at = issue.path.join('.')
    if (issue.code !== 'unrecognized_keys') return { field: at || 'body', message: issue.message }
    return issue.keys.map(key => ({ field: at ? `${at}.${key}` : key, message: 'is not known' }))
  })
}
