import type { Knex } from 'knex'
import type { Tx } from '../../db/connect.ts'
import type { Personal } from './activity-chain.ts'
import type { ActivityRow } from './activity-store.ts'

export type ActivityEntry = Omit<ActivityRow, 'personal' | 'personal_salt' | 'commitment'> & {
  /** The address from which somebody acted; empty if it is unknown or was erased. */
  ip: string
}

/** Where an entry is in a list: entries are ordered by their time, those of one millisecond by their number. */
export type Position = { at: number; number: number }

export type ActivityFilter = {
  accountId: string
  actorId?: string | undefined
  /** Kinds of entries, at most some dozens. */
  whats?: readonly string[] | undefined
  object?: string | undefined
  appId?: string | undefined
  /** The first millisecond, and the first one after the last. */
  from?: number | undefined
  until?: number | undefined
}

const ENDLESS = 9_000_000_000_000_000

/**
 * One page of an account's log, the newest entries first, those before a position. Each filter has an index in the order
 * of the page; with several, the one that usually leaves least is read and the others are checked row by row.
 */
export async function listActivity(
  tx: Tx,
  filter: ActivityFilter,
  before: Position | undefined,
  limit: number,
): Promise<ActivityEntry[]> {
  const { actorId, whats, object, appId } = filter
  const kinds = object === undefined && appId === undefined && actorId === undefined ? whats : undefined
  if (kinds) return await mergeKinds(tx, filter, kinds, before, limit)
  const chosen = object !== undefined ? (['object', object] as const) : oneOf(appId, actorId)
  const query = inOrder(tx, filter, chosen, before).limit(limit)
  if (chosen?.[0] === 'object' && appId !== undefined) query.where('app_id', appId)
  if (chosen?.[0] !== 'actor_id' && actorId !== undefined) query.where('actor_id', actorId)
  if (whats) query.whereIn('what', [...whats])
  return toEntries(await query)
}

/** The position of an entry, or undefined if there is none with this number. */
export async function positionOf(tx: Tx, accountId: string, number: number): Promise<Position | undefined> {
  return await tx('activity').where({ account_id: accountId, number }).first('at', 'number')
}

/** The newest of each kind, and of those the newest. */
async function mergeKinds(
  tx: Tx,
  filter: ActivityFilter,
  kinds: readonly string[],
  before: Position | undefined,
  limit: number,
): Promise<ActivityEntry[]> {
  if (kinds.length === 0) return []
  const each = kinds.map(what =>
    tx.from(inOrder(tx, filter, ['what', what], before).limit(limit).as('of_kind')).select('*'),
  )
  const rows = tx.from(tx.unionAll(each).as('merged')).orderBy('at', 'desc').orderBy('number', 'desc').limit(limit)
  return toEntries(await rows)
}

type Chosen = readonly [column: string, value: string]

function oneOf(appId: string | undefined, actorId: string | undefined): Chosen | undefined {
  if (appId !== undefined) return ['app_id', appId]
  return actorId === undefined ? undefined : ['actor_id', actorId]
}

/** A range of one index, read backwards. As a range and not as equalities, so that only this index gives the order. */
function inOrder(
  tx: Tx,
  { accountId, from = 0, until = ENDLESS }: ActivityFilter,
  chosen: Chosen | undefined,
  before: Position | undefined,
): Knex.QueryBuilder {
  const columns = ['account_id', ...(chosen ? [chosen[0]] : []), 'at', 'number']
  const values = [accountId, ...(chosen ? [chosen[1]] : [])]
  const end = before && before.at < until ? [before.at, before.number] : [until, 0]
  const names = columns.map(() => '??').join(', ')
  const slots = columns.map(() => '?').join(', ')
  const query = tx('activity')
    .whereRaw(`(${names}) >= (${slots})`, [...columns, ...values, from, 0])
    .whereRaw(`(${names}) < (${slots})`, [...columns, ...values, ...end])
  if (chosen?.[0] === 'app_id') query.whereNotNull('app_id')
  for (const column of columns) query.orderBy(column, 'desc')
  return query
}

function toEntries(rows: readonly ActivityRow[]): ActivityEntry[] {
  return rows.map(({ personal, personal_salt: _salt, commitment: _commitment, ...entry }) => {
    const { ip = '', ...values } = JSON.parse(personal ?? '{}') as Personal
    const data = Object.keys(values).length > 0 ? JSON.stringify({ ...JSON.parse(entry.data), ...values }) : entry.data
    return { ...entry, data, ip }
  })
}
