import type { App } from '../../apps-registry/find-app.ts'
import { badgeOf, siteOf } from '../../apps-registry/listing-page.ts'
import type { UninstalledPage, UninstallPage } from '../../views/models.ts'
import { DAY, isoTime } from '../base/clock.ts'
import { agoText, counted, dateText, dayTimeMoment } from '../http/format.ts'
import { capitalised } from '../http/pages.ts'
import type { Key } from '../keys/find-keys.ts'
import { statusAt } from '../keys/key-states.ts'
import type { KeyUse } from '../keys/usage.ts'
import type { Installation } from './find-installation.ts'
import { keyStatus } from './key-row-page.ts'

export type UninstallInput = {
  installation: Installation
  app: App
  accountName: string
  /** All that the installation ever held. */
  keys: readonly Key[]
  useOf: (keyId: string) => KeyUse
  now: number
}

/** The uninstall question with its evidence; `choice` and `until` are as typed, `faults` what was wrong with them. */
export function uninstallPage(
  input: UninstallInput,
  typed: Pick<UninstallPage, 'choice' | 'until' | 'faults'>,
): UninstallPage {
  const { installation, app, now, useOf } = input
  const keys = input.keys.filter(key => statusAt(key, now) !== 'expired')
  const delivered = keys.filter(key => key.deliveredAt !== null)
  const one = delivered.length === 1
  const live = counted(delivered.length, 'key')
  return {
    action: `/apps/${installation.id}/uninstall`,
    app: badgeOf(app),
    subtitle: `${capitalised(installation.mode)} mode in ${input.accountName}. ${holding(keys.length)}`,
    backHref: `/apps/${installation.id}`,
    keys: keys.map(key => ({
      name: key.name,
      redacted: key.redacted,
      ...tagOf(key, useOf(key.id)),
      lastUsed: agoText(key.lastUsedAt, now),
      calls24h: useOf(key.id).calls24h.toLocaleString('en-GB'),
      calls7d: useOf(key.id).calls7d.toLocaleString('en-GB'),
      from: key.deliveredAt === null ? 'Expires in any case' : fromText(useOf(key.id).addresses),
    })),
    expireNote: `${keys.length === 1 ? 'The key is' : `All ${keys.length} keys are`} refused from the moment you press the button. ${breakage(keys, useOf)}`,
    keepNote: `${live} ${one ? 'goes' : 'go'} on working. ${app.manifest.client_name} still holds ${one ? 'it' : 'them'}, until you expire ${one ? 'it' : 'them'} under API keys.`,
    untilNote: `${live} ${one ? 'goes' : 'go'} on working until the end of a day you choose, then ${one ? 'stops by itself' : 'stop by themselves'}. Good for moving to something else.`,
    untilMin: isoTime(now + DAY).slice(0, 10),
    untilMax: isoTime(now + 365 * DAY).slice(0, 10),
    asks: keys.length > 0,
    ...typed,
  }
}

function holding(keys: number): string {
  if (keys === 0) return 'It holds no keys.'
  return `It holds ${counted(keys, 'key')}. What should happen to ${keys === 1 ? 'it' : 'them'}?`
}

function tagOf(key: Key, use: KeyUse): { tag?: { text: string; warn: boolean } } {
  if (key.deliveredAt === null) return { tag: { text: 'Never delivered', warn: false } }
  return use.calls24h > 0 ? { tag: { text: 'In use', warn: true } } : {}
}

function fromText(addresses: readonly string[]): string {
  if (addresses.length === 0) return '–'
  const shown = addresses.slice(0, 3).join(', ')
  return addresses.length > 3 ? `${shown} and ${addresses.length - 3} more` : shown
}

/** What would stop working, in numbers, before the click. */
function breakage(keys: readonly Key[], useOf: (keyId: string) => KeyUse): string {
  const inUse = keys.filter(key => useOf(key.id).calls24h > 0)
  if (inUse.length === 0)
    return keys.some(key => key.lastUsedAt !== null) ? 'None was used in the last 24 hours.' : 'None has been used yet.'
  const calls = inUse.reduce((sum, key) => sum + useOf(key.id).calls24h, 0)
  const places = new Set(inUse.flatMap(key => useOf(key.id).addresses)).size
  const from = places > 0 ? ` from ${counted(places, 'address', 'addresses')}` : ''
  return `${inUse.length === 1 ? 'One of them is' : `${inUse.length} of them are`} in use: ${counted(calls, 'call')}${from} in the last 24 hours would have failed.`
}

/** What became of the keys. */
export function uninstalledPage(
  installation: Installation,
  app: App,
  accountName: string,
  keys: readonly Key[],
  now: number,
): UninstalledPage {
  const site = siteOf(app.manifest)
  const rows = keys.map(key => {
    const status = keyStatus(key, now)
    const kept = statusAt(key, now) !== 'expired'
    return {
      name: key.name,
      redacted: key.redacted,
      note: kept
        ? 'still works, with the permissions it had'
        : key.expiredBecause === 'undelivered'
          ? 'was never delivered'
          : 'is refused now',
      status:
        kept && key.expiresAt !== null
          ? { text: `Kept until ${dateText(key.expiresAt - 1)}`, tone: 'warn' as const }
          : { text: status.text, tone: status.tone },
    }
  })
  return {
    app: badgeOf(app),
    subtitle: `${dayTimeMoment(installation.uninstalledAt ?? now).text}, from ${accountName} in ${installation.mode} mode.`,
    keys: rows,
    anyKept: keys.some(key => statusAt(key, now) !== 'expired'),
    ...(site && { site }),
  }
}
