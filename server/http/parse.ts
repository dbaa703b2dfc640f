import express, { type RequestHandler } from 'express'
import type { z } from 'zod'
import { AppError, type ErrorCode, type Fault } from '../base/errors.ts'
import { isStorable } from '../base/plain-text.ts'
import { JsonFault, readJson } from '../base/read-json.ts'
import { redactSecrets } from '../base/secret-format.ts'
import { oddInput } from './refuse-odd-input.ts'

/** Reads the form of a page. Bodies of another type, over 64 kB, or with text that cannot be stored never reach a route. */
export const formBody: RequestHandler[] = [
  express.urlencoded({ extended: false, limit: '64kb', parameterLimit: 1_000 }),
  (req, _res, next) => {
    const sent = Object.entries((req.body ?? {}) as object).flat(2)
    next(sent.some(value => typeof value === 'string' && !isStorable(value)) ? oddInput() : undefined)
  },
]

/** Reads a JSON body of at most `limit` by the rules of `readJson`; other types count as no body. */
export const jsonBody = (limit = '64kb'): RequestHandler[] => [
  express.text({ type: 'application/json', limit }),
  (req, _res, next) => {
    if (typeof req.body === 'string') req.body = parseJson(req.body)
    next()
  },
]

/** A JSON body, absent if it is empty. Throws `request.invalid`, which names the member at fault and quotes nothing. */
export function parseJson(text: string): unknown {
  if (text === '') return undefined
  try {
    return readJson(text)
  } catch (error) {
    if (!(error instanceof JsonFault)) throw new AppError('request.invalid', { detail: 'The body cannot be read.' })
    const field = redactSecrets(error.path.join('.') || 'body')
    throw new AppError('request.invalid', { faults: [{ field, message: error.rule }] })
  }
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
