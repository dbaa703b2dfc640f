import { DAY } from '../base/clock.ts'
import { agoText } from '../http/format.ts'
import type { Key } from '../keys/find-keys.ts'
import { stateVersionOf } from '../keys/key-states.ts'
import { fromText, useSentence } from '../keys/key-use-page.ts'
import { isRotatable } from './key-row-page.ts'
import type { ThisKey } from './load-this-key.ts'
import type { ShownKey } from './this-key-page.ts'

export type ExpireKeyPage = {
  action: string
  /** The state of the key as shown; posted back, so that a change in the meantime is detected. */
  seen: string
  key: ShownKey
  facts: { label: string; text: string }[]
  /** The effect of expiring it now. */
  sentence: string
  inUse: boolean
  rotateHref?: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'expire-key': ExpireKeyPage
  }
}

/** The confirmation of *Expire*. */
export function expirePage({ key, use, shown }: ThisKey, now: number): ExpireKeyPage {
  return {
    action: `/keys/${key.id}/expire`,
    seen: stateVersionOf(key),
    key: shown,
    facts: [
      { label: 'Last used', text: agoText(key.lastUsedAt, now) },
      { label: 'Calls, 24 hours', text: use.calls24h.toLocaleString('en-GB') },
      { label: 'Calls, 7 days', text: use.calls7d.toLocaleString('en-GB') },
      { label: 'From', text: use.addressCount === 0 ? 'Nowhere yet' : fromText(use) },
    ],
    sentence: useSentence(key, now),
    inUse: key.lastUsedAt !== null && now - key.lastUsedAt < DAY,
    ...(isRotatable(key) && { rotateHref: `/keys/${key.id}/rotate` }),
  }
}

/** A sentence about what somebody else changed after the page was drawn. */
export function changedText(key: Key): string {
  const again = 'Press again if it should stop now.'
  if (key.frozenAt !== null)
    return `${key.name} was frozen after you opened this page, so it is already refused. ${again}`
  if (key.overlapUntil !== null)
    return `${key.name} was rotated after you opened this page: it expires after its overlap. ${again}`
  return `${key.name} changed after you opened this page. ${again}`
}
