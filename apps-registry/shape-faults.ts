import type { z } from 'zod'
import type { Fault } from '../server/base/errors.ts'

const KINDS: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
}

/** The faults of `input` against a schema; every fault names its field, as in `permissions[0].name`. */
export function faultsOfShape(error: z.ZodError, input: unknown): Fault[] {
  return error.issues.map(issue => ({ field: fieldPath(issue.path), message: describe(issue, input) }))
}

/** A path as `a[0].b`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('')
}

function describe(issue: z.core.$ZodIssue, input: unknown): string {
  const value = valueAt(input, issue.path)
  if (issue.code === 'invalid_type')
    return value === undefined ? 'is required' : `must be ${KINDS[issue.expected] ?? issue.expected}`
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String).join(', ')
    return typeof value === 'string' ? `${quoted(value)} is not one of ${known}` : `must be a string: one of ${known}`
  }
  return issue.message
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    input,
  )
}

/** A value for a message: ASCII only, as `error_description` requires (RFC 7591 §3.2.2), and of limited length. */
export function quoted(value: string): string {
  const ascii = value.replace(/[^\x20-\x7e]/g, letter => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `"${ascii.length > 100 ? `${ascii.slice(0, 100)}...` : ascii}"`
}
