import { DAY, SECOND } from '../base/clock.ts'
import { agoText, counted, dayTimeMoment } from '../http/format.ts'
import type { FieldFault } from '../http/page-parts.ts'
import { deadlineOf } from '../keys/key-states.ts'
import type { ThisKey } from './load-this-key.ts'
import type { ShownKey } from './this-key-page.ts'

export type RotateKeyPage = {
  action: string
  lede: string
  key: ShownKey
  choices: { value: string; text: string; note: string; checked: boolean; first: boolean }[]
  /** When the new key arrives, for the drawing. */
  arrival: string
  reason: string
  reasonHint: string
  /** The one-time id of this form, if its response shows a key. */
  form?: string
  /** Set during a rotation: another one must be confirmed. */
  underway?: string
  faults: FieldFault[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'rotate-key': RotateKeyPage
  }
}

export const OVERLAPS = [
  { value: String(DAY / SECOND), text: '24 hours' },
  { value: String((7 * DAY) / SECOND), text: '7 days' },
  { value: '0', text: 'Rotate now, no overlap' },
] as const

export type TypedRotation = { overlap: string; reason: string; faults: RotateKeyPage['faults'] }

/** *Rotate*, with the overlap of the old key. `underway`: a replacement exists already. */
export function rotatePage(
  { key, app, use, shown }: ThisKey,
  typed: TypedRotation & { underway: boolean; form: string },
  now: number,
): RotateKeyPage {
  const name = app?.manifest.client_name
  const until = (seconds: string) =>
    dayTimeMoment(Math.min(now + Number(seconds) * SECOND, deadlineOf(key) ?? Number.POSITIVE_INFINITY)).text
  const both = key.frozenAt === null ? 'Both keys work until' : 'The old key stays frozen until'
  const most = name ? 'most platforms' : 'most people'
  const notes: Record<string, string> = {
    [OVERLAPS[0].value]: `${both} ${until(OVERLAPS[0].value)}. Enough for ${most} to redeploy.`,
    [OVERLAPS[1].value]:
      `${both} ${until(OVERLAPS[1].value)}. For ${name ? 'a platform that releases' : 'what you release'} weekly.`,
    [OVERLAPS[2].value]:
      `For a leak. The old key is refused at once, and ${name ? `calls of ${name} fail until it uses` : 'what uses it fails until you give it'} the new one.`,
  }
  const permissions = counted(key.permissions.length, 'permission')
  return {
    action: `/keys/${key.id}/rotate`,
    lede: `${name ? `${name} gets` : 'You get'} a new key with the same ${permissions}. How long should the old one go on working?`,
    key: {
      ...shown,
      note: `${name ? `Managed by ${name}.` : shown.note} Last used: ${agoText(key.lastUsedAt, now).toLowerCase()}, ${counted(use.calls24h, 'call')} in 24 hours.`,
    },
    choices: OVERLAPS.map(({ value, text }, index) => ({
      value,
      text,
      note: notes[value] ?? '',
      checked: value === typed.overlap,
      first: index === 0,
    })),
    arrival: name ? 'New key delivered' : 'New key shown',
    reason: typed.reason,
    reasonHint: name ? `Written to the activity log and sent to ${name}.` : 'Written to the activity log.',
    ...(key.kind === 'restricted' && { form: typed.form }),
    ...(typed.underway && {
      underway: `A new key was made for this one already${key.expiresAt === null ? '' : `, and this one ends ${dayTimeMoment(key.expiresAt).text}`}. You need another one only after a leak.`,
    }),
    faults: typed.faults,
  }
}
