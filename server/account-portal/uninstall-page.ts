import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf, siteOf } from '../../apps-registry/listing-page.ts'
import { DAY, isoTime } from '../base/clock.ts'
import { agoText, capitalised, counted, dateText, dayTimeMoment } from '../http/format.ts'
import type { AppBadge, FieldFault, StatusModel } from '../http/page-parts.ts'
import type { Installation } from '../installs/installation.ts'
import { asJudged } from '../installs/installation-states.ts'
import type { Key } from '../keys/find-keys.ts'
import { statusAt } from '../keys/key-states.ts'
import { breakage, deadlineSentence, fromModel, fromText, useSentence } from '../keys/key-use-page.ts'
import type { KeyUse } from '../keys/read-usage.ts'
import { keyStatus } from './key-row-page.ts'

export type UninstallPage = {
  action: string
  app: AppBadge
  subtitle: string
  backHref: string
  keys: {
    name: string
    redacted: string
    tag?: { text: string; warn: boolean }
    lastUsed: string
    calls24h: string
    calls7d: string
    /** The effect of expiring it now. */
    sentence: string
    from: { text: string; more?: { text: string; list: string[] } }
  }[]
  expireNote: string
  keepNote: string
  untilNote: string
  /** ISO dates that bound the calendar. */
  untilMin: string
  untilMax: string
  choice: '' | 'expire' | 'keep' | 'until'
  until: string
  /** A sentence about keys that the table leaves out. */
  others?: string
  /** Whether any key is left; without one no choice is shown. */
  asks: boolean
  faults: FieldFault[]
}

export type UninstalledPage = {
  app: AppBadge
  subtitle: string
  keys: { name: string; redacted: string; note: string; status: StatusModel }[]
  anyKept: boolean
  /** The next page of the keys. */
  older?: string
  site?: { host: string; href: string }
}

declare module '../http/page-parts.ts' {
  interface Pages {
    uninstall: UninstallPage
    uninstalled: UninstalledPage
  }
}

/** The number of working keys, and of these the delivered, ending and used ones. */
export type KeysSummary = { total: number; delivered: number; ending: number; used: number }

export type UninstallInput = {
  installation: Installation
  app: App
  accountName: string
  /** The working keys that were used last, and the summary of all. */
  keys: readonly Key[]
  summary: KeysSummary
  useOf: (keyId: string) => KeyUse
  now: number
}

/** The uninstall page with its evidence; `choice` and `until` are as typed, with their `faults`. */
export function uninstallPage(
  input: UninstallInput,
  typed: Pick<UninstallPage, 'choice' | 'until' | 'faults'>,
): UninstallPage {
  const { installation, app, keys, summary, now, useOf } = input
  return {
    action: `/apps/${installation.id}/uninstall`,
    app: badgeOf(app),
    subtitle: `${capitalised(installation.mode)} mode in ${input.accountName}. ${holdingText(summary.total)}`,
    backHref: `/apps/${installation.id}`,
    keys: keys.map(key => ({
      name: nameOf(key),
      redacted: key.redacted,
      ...tagOf(key, useOf(key.id)),
      sentence: [useSentence(key, now), deadlineSentence(key)].join(' ').trim(),
      lastUsed: agoText(key.lastUsedAt, now),
      calls24h: useOf(key.id).calls24h.toLocaleString('en-GB'),
      calls7d: useOf(key.id).calls7d.toLocaleString('en-GB'),
      from: fromOf(key, useOf(key.id)),
    })),
    expireNote: `${allOf(summary.total)} refused from the moment you press the button. ${breakage(keys, useOf, summary)}`,
    ...keptNotes(summary, app.manifest.client_name),
    untilMin: isoTime(now).slice(0, 10),
    untilMax: isoTime(now + 365 * DAY).slice(0, 10),
    ...(summary.total > keys.length && { others: othersText(summary.total - keys.length) }),
    asks: summary.total > 0,
    ...typed,
  }
}

function allOf(keys: number): string {
  if (keys === 1) return 'The key is'
  return keys === 2 ? 'Both keys are' : `All ${keys.toLocaleString('en-GB')} keys are`
}

function othersText(others: number): string {
  return `${others === 1 ? '1 more key was' : `${others.toLocaleString('en-GB')} more keys were`} used less recently or not at all.`
}

function holdingText(keys: number): string {
  if (keys === 0) return 'It holds no keys.'
  return `It holds ${counted(keys, 'key')}. What should happen to ${keys === 1 ? 'it' : 'them'}?`
}

function nameOf(key: Key): string {
  const replaced = key.status !== 'expired' && (key.rotation === 'waiting' || key.rotation === 'running')
  return replaced ? `${key.name}, being replaced` : key.name
}

function fromOf(key: Key, use: KeyUse): UninstallPage['keys'][number]['from'] {
  if (key.deliveredAt !== null) return fromModel(use)
  return { text: use.addressCount === 0 ? 'Expires in any case' : `${fromText(use)}. Expires in any case` }
}

function tagOf(key: Key, use: KeyUse): { tag?: { text: string; warn: boolean } } {
  if (key.deliveredAt === null) return { tag: { text: 'Never delivered', warn: false } }
  return use.calls24h > 0 ? { tag: { text: 'In use', warn: true } } : {}
}

/** The effects of the choices that keep keys; a key that was never delivered expires in any case. */
function keptNotes({ delivered, ending }: KeysSummary, client: string): { keepNote: string; untilNote: string } {
  if (delivered === 0) {
    const none = 'No key was delivered, so there is none to keep.'
    return { keepNote: none, untilNote: none }
  }
  const one = delivered === 1
  const go = `${counted(delivered, 'key')} ${one ? 'goes' : 'go'} on working`
  const earlier =
    ending === 0
      ? ''
      : ` ${one ? 'It still has' : `${ending} of them still ${ending === 1 ? 'has' : 'have'}`} its own end date.`
  return {
    keepNote: `${go}. ${client} still holds ${one ? 'it' : 'them'}, until you expire ${one ? 'it' : 'them'} under API keys.${earlier}`,
    untilNote: `${go} until the end of a day you choose, then ${one ? 'stops by itself' : 'stop by themselves'}. Good for moving to something else.${earlier}`,
  }
}

/** The state of the keys after an uninstall. */
export function uninstalledPage(
  installation: Installation,
  app: App,
  accountName: string,
  { keys, anyKept, older }: { keys: readonly Key[]; anyKept: boolean; older?: string },
  now: number,
): UninstalledPage {
  const site = siteOf(app.manifest)
  const suspended = asJudged(installation, app.status).suspendedBy.length > 0
  const rows = keys.map(key => ({ name: nameOf(key), redacted: key.redacted, ...becameOf(key, now, suspended) }))
  return {
    app: badgeOf(app),
    subtitle: `${dayTimeMoment(installation.uninstalledAt ?? now).text}, from ${accountName} in ${installation.mode} mode.`,
    keys: rows,
    anyKept,
    ...(older && { older }),
    ...(site && { site }),
  }
}

/** *Keep until* ends with a day; a deadline at any other time existed before. */
function becameOf(key: Key, now: number, suspended: boolean): Pick<UninstalledPage['keys'][number], 'note' | 'status'> {
  const { text, tone } = keyStatus(key, now, suspended)
  if (statusAt(key, now) === 'expired')
    return {
      note: key.expiredBecause === 'undelivered' ? 'was never delivered' : 'is refused now',
      status: { text, tone },
    }
  if (suspended || key.frozenAt !== null)
    return { note: `is refused until it is ${suspended ? 'resumed' : 'unfrozen'}`, status: { text, tone } }
  if (key.expiresAt === null) return { note: 'still works, with the permissions it had', status: { text, tone } }
  if (key.expiresAt % DAY === 0)
    return {
      note: 'still works, with the permissions it had',
      status: { text: `Kept until ${dateText(key.expiresAt - 1)}`, tone: 'warn' },
    }
  const why = key.rotation === 'running' ? 'with its rotation' : 'at the deadline it had before'
  return { note: `ends earlier, ${why}`, status: { text: `Expires ${dateText(key.expiresAt)}`, tone: 'info' } }
}
