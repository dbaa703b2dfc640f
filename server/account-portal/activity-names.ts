import { type App, findApps } from '../../apps-registry/find-app.ts'
import { platformNames } from '../../apps-registry/list-platforms.ts'
import type { Tx } from '../../db/connect.ts'
import { accountNames } from '../accounts/find-account.ts'
import { peopleSeenFrom, type SeenPerson } from '../accounts/people-seen.ts'
import type { ActivityEntry } from '../audit/list-activity.ts'
import type { EntryNames, Named } from '../audit/say-activity.ts'
import { ownersOfInstallations } from '../installs/list-installations.ts'
import { type KeyPlace, placesOfKeys } from '../keys/find-keys.ts'

/** What the entries of a list name; a stranger's address is not shown. */
export type NamesOf = (entry: ActivityEntry) => EntryNames & { stranger: boolean }

type Looked = {
  accountId: string
  brand: string
  person: (id: string) => SeenPerson
  apps: ReadonlyMap<string, App>
  platforms: ReadonlyMap<string, string>
  keys: ReadonlyMap<string, KeyPlace>
  installations: ReadonlyMap<string, { accountId: string; appId: string }>
  accounts: ReadonlyMap<string, string>
}

/** Looks up every name in a list of entries as one account may know it, with one query for each kind of name. */
export async function loadActivityNames(
  tx: Tx,
  { accountId, brand }: { accountId: string; brand: string },
  entries: readonly ActivityEntry[],
): Promise<NamesOf> {
  const actors = (type: string) => entries.flatMap(row => (row.actor_type === type ? row.actor_id : []))
  const objects = (prefix: string) => entries.flatMap(({ object }) => (object.startsWith(prefix) ? object : []))
  const keys = await placesOfKeys(tx, objects('key_'))
  const places = [...keys.values()].flatMap(({ installationId }) => installationId ?? [])
  const installations = await ownersOfInstallations(tx, [...objects('ins_'), ...places])
  const owners = [...installations.values()]
  const looked: Looked = {
    accountId,
    brand,
    keys,
    installations,
    person: await peopleSeenFrom(tx, accountId, [...actors('user'), ...objects('usr_')]),
    apps: await findApps(tx, [...entries.flatMap(({ app_id }) => app_id ?? []), ...owners.map(({ appId }) => appId)]),
    platforms: await platformNames(tx, [...actors('platform'), ...objects('plat_')]),
    accounts: await accountNames(
      tx,
      owners.map(owner => owner.accountId),
    ),
  }
  return entry => namesIn(looked, entry)
}

function namesIn(looked: Looked, entry: ActivityEntry): EntryNames & { stranger: boolean } {
  const actor = actorOf(looked, entry)
  const key = looked.keys.get(entry.object)
  const installationId = key ? key.installationId : entry.object
  const place = looked.installations.get(installationId ?? '')
  const mine = place?.accountId === looked.accountId && installationId !== null
  const app = looked.apps.get(entry.app_id ?? place?.appId ?? '')
  const home = mine ? { href: `/apps/${installationId}` } : {}
  const customer = place && !mine ? looked.accounts.get(place.accountId) : undefined
  return {
    stranger: actor.stranger,
    actor: { text: actor.name },
    object: objectOf(looked, entry, key, home),
    app: app && { text: app.manifest.client_name, ...(mine ? home : linkOf(looked, app)) },
    account: customer === undefined || customer === actor.name ? undefined : { text: customer },
  }
}

function actorOf({ person, platforms, brand }: Looked, { actor_type, actor_id }: ActivityEntry): SeenPerson {
  if (actor_type === 'user') return person(actor_id)
  if (actor_type === 'platform') return { name: platforms.get(actor_id) ?? 'A publisher', stranger: false }
  return { name: actor_type === 'system' ? brand : `${brand} operator`, stranger: false }
}

function objectOf(
  { accountId, person, platforms }: Looked,
  { object, data }: ActivityEntry,
  key: KeyPlace | undefined,
  home: { href?: string },
): Named | undefined {
  if (key) return { text: key.name, ...(key.accountId === accountId && { href: '/keys', ...home }) }
  if (object.startsWith('usr_')) return { text: personNamed(person(object), data) }
  const platform = platforms.get(object)
  return platform === undefined ? undefined : { text: platform, href: '/platform' }
}

/** Somebody who has left is named by the e-mail in the entry, unless they were deleted. */
function personNamed({ name, stranger, deleted }: SeenPerson, data: string): string {
  if (deleted) return 'a former member'
  const { email } = JSON.parse(data) as { email?: unknown }
  return stranger && typeof email === 'string' ? email : name
}

function linkOf({ accountId }: Looked, app: App): { href?: string } {
  if (app.platform.accountId === accountId) return { href: `/platform/apps/${app.id}` }
  return app.status === 'published' ? { href: `/marketplace/${app.slug}` } : {}
}
