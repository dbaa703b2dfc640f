import type { Request, Response } from 'express'
import { stopsKeys } from '../../apps-registry/app-states.ts'
import { type App, findApps } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import type { KeysPage, NoticeModel, OptionModel } from '../../views/models.ts'
import { userEmail } from '../accounts/find-user.ts'
import { type Membership, roleAllows } from '../accounts/roles.ts'
import { signedIn } from '../accounts/session-guard.ts'
import { DAY } from '../base/clock.ts'
import { isId } from '../base/ids.ts'
import { appIdsOfAccount, suspendedAmong } from '../installs/list-installations.ts'
import { findKeyIfOf, type Key } from '../keys/find-keys.ts'
import { abilityFor } from '../keys/key-ability.ts'
import { type KeyPageFilter, pageAccountKeys } from '../keys/page-account-keys.ts'
import { readCallsPerDay } from '../keys/read-usage.ts'
import { flashNames, flashOf } from './key-flash-page.ts'
import { keyRow } from './key-row-page.ts'
import { sparkOf } from './spark-page.ts'
import type { ShowCaps } from './this-key-page.ts'

const LISTED_AFTER_EXPIRY = 30 * DAY
const PAGE = 20
/** The most apps in the filter. */
const MOST_MANAGERS = 100

const MODES = [
  { text: 'All', value: '' },
  { text: 'Live mode', value: 'live' },
  { text: 'Test mode', value: 'test' },
] as const

const STATUSES = [
  { text: 'Any', value: '' },
  { text: 'Active', value: 'active' },
  { text: 'Expiring', value: 'expiring' },
  { text: 'Frozen', value: 'frozen' },
  { text: 'Kept', value: 'kept' },
  { text: 'Expired', value: 'expired' },
] as const

/** What is asked for in the address; anything unknown is no filter. */
type Asked = { mode: '' | 'live' | 'test'; status: NonNullable<KeyPageFilter['shows']> | ''; platform: string }

function readAsked(query: Request['query']): Asked {
  const show = String(query['show'] ?? '')
  const status = String(query['status'] ?? (show === 'expired' ? show : ''))
  const platform = String(query['platform'] ?? '')
  return {
    mode: MODES.find(({ value }) => value === show)?.value ?? '',
    status: STATUSES.find(({ value }) => value === status)?.value ?? '',
    platform: platform === 'you' || isId('app', platform) ? platform : '',
  }
}

function hrefOf({ mode, status, platform }: Asked, before?: string): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ show: mode, status, platform, before }))
    if (value) query.set(name, value)
  return query.size > 0 ? `/keys?${query}` : '/keys'
}

/**
 * Shows the account's keys as they are now. An act that was refused at its submit ends here too, with a status and a flash
 * that says what was not changed.
 */
export async function showKeys(
  deps: ShowCaps,
  req: Request,
  res: Response,
  refused?: { flash: NoticeModel; status: number },
): Promise<void> {
  await deps.usage.flush()
  const session = signedIn(res)
  const now = deps.clock.now()
  const asked = readAsked(refused ? {} : req.query)
  const before = isId('key', req.query['before']) ? req.query['before'] : undefined
  const { page, noted } = await deps.database.read(async tx => ({
    page: await keysPage(tx, session.current, session.user.id, asked, before, now),
    noted: await notedKey(tx, session.current.account.id, req.query),
  }))
  const flash = refused?.flash ?? (noted && flashOf(noted.what, noted.key, now))
  const options = { title: 'API keys', nav: 'keys' as const, status: refused?.status ?? 200 }
  deps.render(req, res, 'keys', { ...options, ...(flash && { flash }) }, page)
}

/** The key that an act before led here with. */
async function notedKey(tx: Tx, accountId: string, query: Request['query']) {
  const what = flashNames.find(name => isId('key', query[name]))
  const key = what && (await findKeyIfOf(tx, accountId, String(query[what])))
  return what && key ? { what, key } : undefined
}

async function keysPage(
  tx: Tx,
  { account, role }: Membership,
  userId: string,
  asked: Asked,
  before: string | undefined,
  now: number,
): Promise<KeysPage> {
  const filter = {
    ...{ accountId: account.id, mode: asked.mode || undefined, shows: asked.status || undefined, before },
    ...(asked.platform && { appId: asked.platform === 'you' ? null : asked.platform }),
    ...{ endedSince: now - LISTED_AFTER_EXPIRY, limit: PAGE + 1 },
  }
  const found = await pageAccountKeys(tx, filter, now)
  const keys = found.slice(0, PAGE)
  const ids = keys.map(key => key.id)
  const callsOf = await readCallsPerDay(tx, ids, now)
  const installed = await appIdsOfAccount(tx, account.id, MOST_MANAGERS)
  const apps = await findApps(tx, [...installed, ...keys.flatMap(({ appId }) => appId ?? [])])
  const suspended = await suspendedAmong(tx, [...new Set(keys.flatMap(({ installationId }) => installationId ?? []))])
  const makers = await makersOf(tx, keys, userId)
  const rows = keys.map(key => {
    const app = key.appId === null ? undefined : apps.get(key.appId)
    const row = keyRow(key, app, now, roleAllows(role, abilityFor(key)), {
      maker: makers.get(key.createdBy ?? ''),
      suspended: (app && stopsKeys(app.status)) || suspended.has(key.installationId ?? ''),
    })
    return { ...row, spark: sparkOf(callsOf(key.id)) }
  })
  const last = keys.at(-1)
  return {
    modes: MODES.map(({ text, value }) => ({
      text,
      href: hrefOf({ ...asked, mode: value }),
      current: value === asked.mode,
    })),
    mode: asked.mode,
    statuses: STATUSES.map(option => ({ ...option, selected: option.value === asked.status })),
    managers: managerOptions([...apps.values()], asked.platform),
    filtered: Object.values(asked).some(value => value !== ''),
    keys: rows,
    ...(roleAllows(role, 'manage_test_keys') && { createHref: '/keys/new' }),
    ...(found.length > PAGE && last && { older: hrefOf(asked, last.id) }),
    ...(before && { newest: hrefOf(asked) }),
  }
}

function managerOptions(apps: readonly App[], platform: string): OptionModel[] {
  const named = apps
    .map(app => ({ value: app.id, text: app.manifest.client_name }))
    .sort((a, b) => a.text.localeCompare(b.text, 'en'))
  const options = [{ value: '', text: 'Anyone' }, { value: 'you', text: 'Members' }, ...named]
  return options.map(option => ({ ...option, selected: option.value === platform }))
}

/** How those are named who made the restricted keys of a page. */
async function makersOf(tx: Tx, keys: readonly Key[], userId: string): Promise<ReadonlyMap<string, string>> {
  const makers = new Map([[userId, 'You']])
  for (const { createdBy } of keys)
    if (createdBy !== null && !makers.has(createdBy)) makers.set(createdBy, await userEmail(tx, createdBy))
  return makers
}
