import { AppError } from '../base/errors.ts'

/** Deeper than any body that a call takes. */
const DEEPEST = 32

/**
 * A JSON value as one text, whatever the order of its members and the space between them were (RFC 8785 without its number
 * format, which parsing has unified already). Throws `request.invalid` for what is nested deeper than any call needs.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > DEEPEST) throw new AppError('request.invalid', { detail: 'The body is nested too deeply.' })
  if (Array.isArray(value)) return `[${value.map(item => canonicalJson(item, depth + 1)).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, item]) => `${JSON.stringify(name)}:${canonicalJson(item, depth + 1)}`).join(',')}}`
}
