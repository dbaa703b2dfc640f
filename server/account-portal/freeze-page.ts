import { DAY } from '../base/clock.ts'
import { agoText, counted, dayTimeMoment } from '../http/format.ts'
import type { FieldFault } from '../http/page-parts.ts'
import type { ThisKey } from './load-this-key.ts'
import type { ShownKey } from './this-key-page.ts'

/** How long a key can stay frozen before it expires. */
export const LENGTHS = [
  { value: '1', text: '24 hours' },
  { value: '7', text: '7 days' },
  { value: '30', text: '30 days' },
] as const

export type FreezeKeyPage = {
  action: string
  heading: string
  lede: string
  key: ShownKey
  inUse?: string
  choices: { value: string; text: string; note: string; checked: boolean; first: boolean }[]
  faults: FieldFault[]
}

export type UnfreezeKeyPage = {
  action: string
  lede: string
  key: ShownKey
  /** Found in public: the person must confirm that they know. */
  leaked: boolean
  faults: FieldFault[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'freeze-key': FreezeKeyPage
    'unfreeze-key': UnfreezeKeyPage
  }
}

/** The confirmation of *Freeze*. */
export function freezePage(
  { key, use, shown }: ThisKey,
  days: string,
  faults: FieldFault[],
  now: number,
): FreezeKeyPage {
  const inUse = use.calls24h > 0 && `${counted(use.calls24h, 'call')} in the last 24 hours would have been refused.`
  return {
    action: `/keys/${key.id}/freeze`,
    heading: `Freeze “${key.name}”?`,
    lede: 'It stops working the moment you press the button, until you unfreeze it. When should it expire if nobody does?',
    key: { ...shown, note: `${shown.note} Last used: ${agoText(key.lastUsedAt, now).toLowerCase()}.` },
    ...(inUse && { inUse }),
    choices: LENGTHS.map(({ value, text }, index) => ({
      value,
      text,
      note: `Expires for good ${dayTimeMoment(now + Number(value) * DAY).text}.`,
      checked: value === days,
      first: index === 0,
    })),
    faults,
  }
}

/** The confirmation of *Unfreeze*. */
export function unfreezePage({ key, shown }: ThisKey, faults: FieldFault[]): UnfreezeKeyPage {
  const until = key.freezeUntil === null ? '' : ` Otherwise it expires ${dayTimeMoment(key.freezeUntil).text}.`
  return {
    action: `/keys/${key.id}/unfreeze`,
    lede: `The same key works again the moment you press the button.${until}`,
    key: shown,
    leaked: key.frozenBy === 'leak_report',
    faults,
  }
}
