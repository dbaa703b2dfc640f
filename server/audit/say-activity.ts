import { DAY, HOUR, MINUTE, SECOND } from '../base/clock.ts'
import { SENTENCES } from './activity-sentences.ts'
import type { ActivityEntry } from './list-activity.ts'

/** A name in a sentence, and the page of what it names. */
export type Named = { text: string; href?: string }

/** A piece of a sentence; `name` marks a name or a value among the words. */
export type Piece = Named & { name: boolean }

/** What the slots of an entry stand for; one without a name is absent. */
export type EntryNames = {
  actor: Named
  object?: Named | undefined
  app?: Named | undefined
  account?: Named | undefined
}

const SLOT = /\{(\w+)\}/g

/** The sentence of an entry. One of an unknown kind is told by its name and the actor. */
export function sayActivity(entry: ActivityEntry, names: EntryNames): Piece[] {
  const known = SENTENCES[entry.what] ?? '{actor}: {what}[ {object}]'
  const template = typeof known === 'string' ? known : entry.actor_type === 'system' ? known.alone : known.by
  const values = valuesOf(entry, names)
  const whole = template.replaceAll(/\[([^\]]*)\]/g, (_, part: string) => (isFull(part, values) ? part : ''))
  return whole.split(/(\{\w+\})/).flatMap((part): Piece[] => {
    const slot = /^\{(\w+)\}$/.exec(part)?.[1]
    if (slot === undefined) return part === '' ? [] : [{ text: part, name: false }]
    const value = values[slot]
    return [{ ...value, text: value?.text || (slot === 'app' ? 'an app' : 'something'), name: true }]
  })
}

/** The same as plain text. */
export function plainText(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join('')
}

type Values = Record<string, Named>

function isFull(part: string, values: Values): boolean {
  return [...part.matchAll(SLOT)].every(([, slot = '']) => (values[slot]?.text ?? '') !== '')
}

/** A key is called what it was called then. */
function valuesOf(entry: ActivityEntry, { actor, object, app, account }: EntryNames): Values {
  const data = JSON.parse(entry.data) as Record<string, unknown>
  const words = Object.entries(data).map(([slot, value]) => [slot, { text: wordOf(slot, value) }] as const)
  const then = typeof data['name'] === 'string' ? { text: data['name'] } : undefined
  return {
    ...Object.fromEntries(words),
    actor,
    what: { text: entry.what },
    object: { text: entry.object, ...object, ...then },
    app: app ?? { text: '' },
    account: account ?? { text: '' },
  }
}

function wordOf(slot: string, value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map(String).join(', ')
  if (slot.endsWith('_seconds')) return lengthText(Number(value) * SECOND)
  const text = String(value)
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? `${text.slice(0, 10)} ${text.slice(11, 16)} UTC` : text
}

const UNITS = [
  [DAY, 'day'],
  [HOUR, 'hour'],
  [MINUTE, 'minute'],
  [SECOND, 'second'],
] as const

/** `24 hours`, `7 days`, `90 minutes`; empty for none. */
function lengthText(length: number): string {
  if (!(length > 0)) return ''
  const [unit, word] = UNITS.find(([unit]) => length % unit === 0 && length > unit) ?? [SECOND, 'second']
  const count = length / unit
  return `${count} ${word}${count === 1 ? '' : 's'}`
}
