import type { Knex } from 'knex'
import type { Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import type { Mode } from '../base/mode.ts'
import { ENDED, listed, newestFirst, unended, WORKING, working } from './key-query-store.ts'
import { findKeyRow, type Key, readKeys } from './key-store.ts'

/** The filters of the keys page, combined. */
export type KeyPageFilter = {
  accountId: string
  mode?: Mode | undefined
  shows?: 'active' | 'expiring' | 'frozen' | 'kept' | 'expired' | undefined
  /** Of one app; `null`: restricted keys. */
  appId?: string | null | undefined
  /** Keys that ended before are left out. */
  endedSince: number
  /** The last key of the previous page. */
  after?: Pick<Key, 'createdAt' | 'id'> | undefined
  limit: number
}

type Narrow = (query: Knex.QueryBuilder) => Knex.QueryBuilder

/** One page of an account's keys; an unknown cursor is ignored. */
export async function pageAccountKeys(
  tx: Tx,
  filter: Omit<KeyPageFilter, 'after'> & { before?: string | undefined },
  at: number,
): Promise<Key[]> {
  const last = filter.before === undefined ? undefined : await findKeyRow(tx, filter.before)
  const after = last?.accountId === filter.accountId ? last : undefined
  return await pageKeyRows(tx, { ...filter, after }, at)
}

/**
 * One page of an account's keys, newest first. It merges the pages of several sets of keys, each with an index, so that
 * keys that ended long ago are not read.
 */
async function pageKeyRows(tx: Tx, filter: KeyPageFilter, at: number): Promise<Key[]> {
  const unsettled = await listUnsettled(tx, filter.accountId)
  const found = new Map<string, Key>()
  for (const set of setsOf(tx, filter, unsettled, at))
    for (const key of await listed(newestFirst(set(page(tx, filter))).limit(filter.limit))) found.set(key.id, key)
  return [...found.values()].sort(byAge).slice(0, filter.limit)
}

function page(tx: Tx, { accountId, mode, appId, endedSince, after }: KeyPageFilter): Knex.QueryBuilder {
  const query = readKeys(tx).where('keys.account_id', accountId)
  for (const end of ['keys.expired_at', 'keys.expires_at', 'keys.freeze_until'])
    query.where(shown => shown.whereNull(end).orWhere(end, '>=', endedSince))
  if (mode) query.where('keys.mode', mode)
  if (appId !== undefined) query.where('keys.app_id', appId)
  if (after) query.whereRaw('(keys.created_at, keys.id) < (?, ?)', [after.createdAt, after.id])
  return query
}

function byAge(one: Key, other: Key): number {
  return other.createdAt - one.createdAt || (one.id < other.id ? 1 : -1)
}

type Unsettled = { ended: string[]; kept: string[] }

/** Installations of an account whose uninstall is not settled in all keys yet, by its choice. */
async function listUnsettled(tx: Tx, accountId: string): Promise<Unsettled> {
  const rows: { id: string; settle_keys: string }[] = await tx('installations')
    .where({ account_id: accountId })
    .whereRaw('settle_keys is not null')
    .select('id', 'settle_keys')
  const kept = rows.filter(({ settle_keys }) => settle_keys !== 'expire')
  return { ended: rows.map(({ id }) => id), kept: kept.map(({ id }) => id) }
}

/** Literals, as in the indexes of these sets. */
function setsOf(tx: Tx, { shows, endedSince }: KeyPageFilter, unsettled: Unsettled, at: number): Narrow[] {
  const rows =
    (text: string): Narrow =>
    query =>
      query.whereRaw(`${WORKING} and ${text}`)
  const among = (ids: readonly string[], text: string): Narrow[] =>
    ids.length === 0 ? [] : [query => rows(text)(query).whereRaw(isAmong(tx, 'keys.installation_id', ids))]
  const works =
    (text: string): Narrow =>
    query =>
      unended(working(query), at).whereRaw(text)
  const expired: Narrow = query => query.whereRaw("keys.status = 'expired' and keys.expired_at >= ?", [endedSince])
  const [notKept, settledAsKept] = ['keys.kept_at is null', 'keys.frozen_at is null and keys.kept_at is not null']
  const settledNot = `keys.frozen_at is null and ${notKept}`
  const notAmong = (query: Knex.QueryBuilder) =>
    unsettled.kept.length === 0 ? query : query.whereRaw('not ?', [isAmong(tx, 'keys.installation_id', unsettled.kept)])
  switch (shows) {
    case undefined:
      return [rows('true'), expired]
    case 'active':
      return [query => notAmong(works(`${settledNot} and keys.expires_at is null`)(query))]
    case 'expiring':
      return [query => notAmong(works(`${settledNot} and keys.expires_at is not null`)(query))]
    case 'frozen':
      return [works('keys.frozen_at is not null')]
    case 'kept':
      return [
        works(settledAsKept),
        ...among(unsettled.kept, settledNot).map(
          (set): Narrow =>
            query =>
              works('true')(set(query)),
        ),
      ]
    case 'expired':
      return [
        expired,
        query => rows('keys.expires_at is not null')(query).where('keys.expires_at', '<=', at),
        query => rows('keys.frozen_at is not null')(query).where('keys.freeze_until', '<=', at),
        ...among(unsettled.ended, ENDED),
      ]
  }
}
