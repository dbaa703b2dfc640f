import type { Request, Response } from 'express'
import { findApps } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import { userEmail } from '../accounts/find-user.ts'
import type { Membership } from '../accounts/roles.ts'
import { signedIn } from '../accounts/session-guard.ts'
import { DAY } from '../base/clock.ts'
import { isId } from '../base/ids.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import { appIdsOfAccount, suspendedAmong } from '../installs/list-installations.ts'
import { findKeyIfOf, type Key } from '../keys/find-keys.ts'
import { pageAccountKeys } from '../keys/page-account-keys.ts'
import { readCallsPerDay } from '../keys/read-usage.ts'
import { flashNames, flashOf } from './key-flash-page.ts'
import { type Asked, KEYS_PER_PAGE, type KeysPageInput, keysPage, readAsked } from './keys-page.ts'
import type { ShowCaps } from './load-this-key.ts'

const LISTED_AFTER_EXPIRY = 30 * DAY
/** The most apps in the filter. */
const MOST_MANAGERS = 100

/** Shows the account's keys. A refused act ends here too, with a status and a flash that says what was not changed. */
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
    page: keysPage(await loadKeys(tx, session.current, session.user.id, asked, before, now)),
    noted: await notedKey(tx, session.current.account.id, req.query),
  }))
  const flash = refused?.flash ?? (noted && flashOf(noted.what, noted.key, now))
  const options = { title: 'API keys', nav: 'keys' as const, status: refused?.status ?? 200 }
  deps.render(req, res, 'keys', { ...options, ...(flash && { flash }) }, page)
}

/** The key of the act that redirected here. */
async function notedKey(tx: Tx, accountId: string, query: Request['query']) {
  const what = flashNames.find(name => isId('key', query[name]))
  const key = what && (await findKeyIfOf(tx, accountId, String(query[what])))
  return what && key ? { what, key } : undefined
}

async function loadKeys(
  tx: Tx,
  { account, role }: Membership,
  userId: string,
  asked: Asked,
  before: string | undefined,
  now: number,
): Promise<KeysPageInput> {
  const filter = {
    accountId: account.id,
    mode: asked.mode || undefined,
    shows: asked.status || undefined,
    before,
    ...(asked.platform && { appId: asked.platform === 'you' ? null : asked.platform }),
    endedSince: now - LISTED_AFTER_EXPIRY,
    limit: KEYS_PER_PAGE + 1,
  }
  const found = await pageAccountKeys(tx, filter, now)
  const keys = found.slice(0, KEYS_PER_PAGE)
  const ids = keys.map(key => key.id)
  const callsOf = await readCallsPerDay(tx, ids, now)
  const installed = await appIdsOfAccount(tx, account.id, MOST_MANAGERS)
  const apps = await findApps(tx, [...installed, ...keys.flatMap(({ appId }) => appId ?? [])])
  const suspended = await suspendedAmong(tx, [...new Set(keys.flatMap(({ installationId }) => installationId ?? []))])
  const makers = await makersOf(tx, keys, userId)
  return { asked, role, found, before, apps, suspended, makers, callsOf, now }
}

/** The names of the people who made the restricted keys of a page. */
async function makersOf(tx: Tx, keys: readonly Key[], userId: string): Promise<ReadonlyMap<string, string>> {
  const makers = new Map([[userId, 'You']])
  for (const { createdBy } of keys)
    if (createdBy !== null && !makers.has(createdBy)) makers.set(createdBy, await userEmail(tx, createdBy))
  return makers
}
