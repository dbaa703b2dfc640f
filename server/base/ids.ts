import { decodeTime, encodeTime, monotonicFactory } from 'ulid'
import type { Clock } from './clock.ts'
import type { Random } from './random.ts'

export type IdPrefix =
  | 'acct'
  | 'usr'
  | 'inv'
  | 'rin'
  | 'plat'
  | 'app'
  | 'ins'
  | 'key'
  | 'evt'
  | 'dlv'
  | 'vrf'
  | 'adk'
  | 'req'
  | 'sess'
  | 'mail'
  | 'job'
  | 'leak'
  | 'link'

/** Makes identifiers: a prefix and a time-ordered random part. They are safe to log and are not secrets. */
export type Ids = { next(prefix: IdPrefix): string }

export function createIds(clock: Clock, random: Random): Ids {
  const next = monotonicFactory(random.fraction) // ids of the same millisecond keep their order
  return { next: prefix => `${prefix}_${next(clock.now()).toLowerCase()}` }
}

/** Whether a text has the form of such an identifier; malformed ones need no lookup. */
export function isId(prefix: IdPrefix, text: unknown): text is string {
  return (
    typeof text === 'string' && text.startsWith(`${prefix}_`) && /^[0-9a-z]{26}$/.test(text.slice(prefix.length + 1))
  )
}

/** The lowest identifier that can have been made at or after a time. */
export function firstIdAt(prefix: IdPrefix, at: number): string {
  return `${prefix}_${encodeTime(Math.max(0, at)).toLowerCase()}${'0'.repeat(16)}`
}

/** When an identifier was made, by the clock of its process; undefined if it is not one of ours. */
export function timeOfId(id: string): number | undefined {
  try {
    return decodeTime(id.slice(id.indexOf('_') + 1))
  } catch {
    return undefined
  }
}
