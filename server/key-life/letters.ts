import type { App } from '../../apps-registry/find-app.ts'
import type { Key } from '../keys/find-keys.ts'
import { deadlineText, type Letter, momentText } from '../mail/letter.ts'

type Words = Omit<Letter, 'audience'>

const nameOf = (app: App) => app.manifest.client_name
const keyFact = (key: Key, lines: string[]) => ({ name: key.name, lines: [key.redacted, ...lines] })

/** Keys that were kept after an uninstall are about to end. */
export function reminderLetter(app: App, keys: readonly Key[], accountName: string): Words {
  const name = nameOf(app)
  const first = Math.min(...keys.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY))
  const many = keys.length > 1
  const subject = many ? `${keys.length} keys of ${name} end soon` : `A key of ${name} ends soon`
  return {
    kind: 'key-reminder',
    subject: `${subject} in ${accountName}`,
    preview: `Kept until ${deadlineText(first)}.`,
    heading: subject,
    lede: `When ${name} was uninstalled from ${accountName}, ${many ? 'these keys were' : 'this key was'} kept until a date. Whatever uses ${many ? 'them' : 'it'} then stops working.`,
    facts: keys.map(key =>
      keyFact(key, [
        `Works until ${deadlineText(key.expiresAt ?? first)}`,
        key.lastUsedAt === null ? 'Never used' : `Last used ${momentText(key.lastUsedAt)}`,
      ]),
    ),
    link: { text: 'See kept keys', path: '/keys' },
    after: `If ${many ? 'they are' : 'it is'} no longer needed, you need not do anything. You can expire a kept key earlier at any time.`,
  }
}

/** A key was found in public and frozen; for its account. */
export function leakLetter(app: App | undefined, key: Key, accountName: string, at: number): Words {
  return {
    kind: 'key-leaked',
    subject: `A key of ${accountName} was found in public`,
    preview: 'It was frozen at once.',
    heading: 'A key was found in public',
    lede: `Somebody reported it, and it was frozen at once: it is refused everywhere. ${whatFollows(app, key)}`,
    facts: [
      keyFact(key, [`${key.mode} mode`]),
      { name: 'Managed by', lines: [app ? nameOf(app) : accountName] },
      { name: 'When', lines: [momentText(at)] },
    ],
    link: { text: 'See API keys', path: '/keys' },
    after: 'Check the activity log for its use, and find out where it leaked.',
  }
}

function whatFollows(app: App | undefined, key: Key): string {
  if (!app) return 'Create a new one for whatever uses it.'
  return key.keptAt === null
    ? `${nameOf(app)} gets a new one; you need not do anything.`
    : `It was kept after ${nameOf(app)} was uninstalled, so it is not replaced.`
}

/** The same for its platform. */
export function platformLeakLetter(app: App, key: Key, at: number): Words {
  const name = nameOf(app)
  return {
    kind: 'key-leaked',
    subject: `A key that ${name} holds was found in public`,
    preview: 'It was frozen at once.',
    heading: `A key of ${name} was found in public`,
    lede: `Somebody reported it, and it was frozen at once: it is refused everywhere. ${
      key.keptAt === null ? 'A new one is delivered.' : 'Its app is uninstalled, so it is not replaced.'
    }`,
    facts: [
      keyFact(key, [`${key.mode} mode`]),
      { name: 'Key id', lines: [key.id] },
      { name: 'When', lines: [momentText(at)] },
    ],
    link: { text: 'See this app', path: `/platform/apps/${app.id}` },
    after: 'Find out how it leaked, so that the new one does not.',
  }
}
