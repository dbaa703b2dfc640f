import { DAY } from '../base/clock.ts'
import { agoText, counted, dayTimeMoment } from '../http/format.ts'
import type { Key } from './find-keys.ts'
import { deadlineOf } from './key-states.ts'
import type { KeyUse } from './read-usage.ts'

const SHOWN = 3

/** The effect of expiring a key now, in one plain sentence. */
export function useSentence(key: Key, now: number): string {
  const { lastUsedAt, deliveredAt } = key
  const undelivered = key.kind === 'managed' && deliveredAt === null
  if (lastUsedAt === null) return undelivered ? 'Never delivered, never used.' : 'Never used.'
  const ago = agoText(lastUsedAt, now)
  const used = /^\d{1,2} [A-Z]/.test(ago) ? `Last used on ${ago}` : `Used ${ago.toLowerCase()}`
  if (undelivered) return `${used}, although its delivery was never confirmed.`
  if (now - lastUsedAt < 7 * DAY) return `${used}: expiring it now will stop what uses it.`
  return `${used}: nothing has used it in the last 7 days.`
}

/** When a key expires, if it has a deadline. */
export function deadlineSentence(key: Key): string {
  const end = deadlineOf(key)
  return end === null ? '' : `Ends by itself on ${dayTimeMoment(end).text}.`
}

/** The latest addresses of calls, and the further ones behind a button. */
export function fromModel({ addresses, addressCount }: KeyUse): {
  text: string
  more?: { text: string; list: string[] }
} {
  if (addressCount === 0) return { text: '–' }
  const text = addresses.slice(0, SHOWN).join(', ')
  if (addressCount <= SHOWN) return { text }
  const unlisted = addressCount - addresses.length
  const list = [...addresses.slice(SHOWN), ...(unlisted > 0 ? [`and ${unlisted.toLocaleString('en-GB')} others`] : [])]
  return { text, more: { text: `and ${(addressCount - SHOWN).toLocaleString('en-GB')} more`, list } }
}

/** The same in one line. */
export function fromText(use: KeyUse): string {
  const { text, more } = fromModel(use)
  return more ? `${text} ${more.text}` : text
}

/** The use of keys in numbers, before they are ended; `keys` are those used last; `summary` counts all. */
export function breakage(
  keys: readonly Key[],
  useOf: (keyId: string) => KeyUse,
  summary: { total: number; used: number },
): string {
  const inUse = keys.filter(key => useOf(key.id).calls24h > 0)
  if (inUse.length === 0) {
    if (summary.used === 0) return summary.total === 1 ? 'It was never used.' : 'None of them was ever used.'
    return `${summary.total === 1 ? 'It was not' : 'None of them was'} used in the last 24 hours.`
  }
  const least = inUse.length === keys.length && summary.total > keys.length ? 'At least ' : '' // others may be in use
  const calls = inUse.reduce((sum, key) => sum + useOf(key.id).calls24h, 0)
  const seen = new Set(inUse.flatMap(key => useOf(key.id).addresses)).size
  const addressCount = Math.max(seen, ...inUse.map(key => useOf(key.id).addressCount)) // not all may be listed
  const many = `${least}${inUse.length} of them are`
  const who = summary.total === 1 ? 'It is' : inUse.length === 1 && !least ? 'One of them is' : many
  const from = addressCount > 0 ? ` from ${counted(addressCount, 'address', 'addresses')}` : ''
  return `${who} in use: calls${from} will fail, ${calls.toLocaleString('en-GB')} in the last 24 hours.`
}

/** The use of a key in one line, for a list. */
export function useLine(key: Key, use: KeyUse, now: number): string {
  if (key.lastUsedAt === null) return 'never used'
  const calls = `${counted(use.calls24h, 'call')} in 24 hours, ${use.calls7d.toLocaleString('en-GB')} in 7 days`
  const from = use.addressCount > 0 ? `, from ${fromText(use)}` : ''
  return `last used: ${agoText(key.lastUsedAt, now).toLowerCase()}, ${calls}${from}`
}
