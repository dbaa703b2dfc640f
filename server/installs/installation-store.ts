import type { Knex } from 'knex'
import { afterWithdrawals } from '../../apps-registry/withdrawals.ts'
import { announce } from '../../db/changes.ts'
import { locked, type Tx } from '../../db/connect.ts'
import { isAmong } from '../../db/json-rows.ts'
import type { Mode } from '../base/mode.ts'
import {
  type KeyChoice,
  SETTLEMENT_COLUMNS,
  type Settlement,
  type SettlementRow,
  settlementOf,
} from '../keys/settlement.ts'
import {
  INSTALLATION_TRANSITIONS,
  type InstallationStatus,
  type InstallationVerb,
  type StoredStatus,
  type SuspendedBy,
} from './installation-states.ts'

export type { SuspendedBy } from './installation-states.ts'

export type Installation = {
  id: string
  appId: string
  accountId: string
  mode: Mode
  status: InstallationStatus
  /** Who has suspended it; it is suspended while anybody has. */
  suspendedBy: SuspendedBy[]
  generation: number
  /** Of the manifest that was consented to. */
  version: number
  permissions: string[]
  installedBy: string
  createdAt: number
  /** When its platform had acknowledged every key; absent where there was nothing to acknowledge. */
  activatedAt: number | null
  uninstalledAt: number | null
  uninstallReason: UninstallReason | null
}

export type UninstallReason = 'account' | 'platform' | 'app_retired'

type Row = {
  id: string
  app_id: string
  account_id: string
  mode: Mode
  status: StoredStatus
  generation: number
  version: number
  permissions: string
  installed_by: string
  created_at: number
  activated_at: number | null
  uninstalled_at: number | null
  uninstall_reason: UninstallReason | null
  suspended_by_account_at: number | null
  suspended_by_operator_at: number | null
  suspended_by_operator_who: 'platform' | 'operator' | null
  withdrawals: string | null
}

/** Installations with what their apps are withdrawing from them. */
function readInstallations(tx: Tx): Knex.QueryBuilder {
  const withdrawals = '(select withdrawals from apps where apps.id = installations.app_id) as withdrawals'
  return tx('installations').select('installations.*', tx.raw(withdrawals))
}

/** As it has been since its app asked for less, whether its row says so already or not. */
function permissionsOf({ permissions, withdrawals, version, uninstalled_at }: Row): string[] {
  const consented_version = uninstalled_at === null ? version : null
  return afterWithdrawals(JSON.parse(permissions), { withdrawals, consented_version }).permissions
}

function toInstallation(row: Row): Installation {
  const suspendedBy: SuspendedBy[] = row.suspended_by_account_at === null ? [] : ['account']
  if (row.suspended_by_operator_at !== null) suspendedBy.push(row.suspended_by_operator_who ?? 'operator')
  return {
    id: row.id,
    appId: row.app_id,
    accountId: row.account_id,
    mode: row.mode,
    status: suspendedBy.length > 0 && row.status === 'active' ? 'suspended' : row.status,
    suspendedBy,
    generation: row.generation,
    version: row.version,
    permissions: permissionsOf(row),
    installedBy: row.installed_by,
    createdAt: row.created_at,
    activatedAt: row.activated_at,
    uninstalledAt: row.uninstalled_at,
    uninstallReason: row.uninstall_reason,
  }
}

/** Where an app can be installed once at a time. */
export type Place = { appId: string; accountId: string; mode: Mode }

const placeColumns = (place: Place) => ({ app_id: place.appId, account_id: place.accountId, mode: place.mode })

export type NewInstallation = Omit<
  Installation,
  'activatedAt' | 'uninstalledAt' | 'uninstallReason' | 'status' | 'suspendedBy'
> & {
  status: StoredStatus
}

/** Inserts unless one is alive in that place; the index decides, however many try at once. */
export async function insertInstallation(tx: Tx, installation: NewInstallation): Promise<boolean> {
  const rows = await tx('installations')
    .insert({
      id: installation.id,
      ...placeColumns(installation),
      status: installation.status,
      generation: installation.generation,
      version: installation.version,
      permissions: JSON.stringify(installation.permissions),
      sequence: 0,
      installed_by: installation.installedBy,
      created_at: installation.createdAt,
    })
    .onConflict()
    .ignore()
    .returning('id')
  return rows.length === 1
}

export async function findAlive(tx: Tx, place: Place): Promise<Installation | undefined> {
  const row: Row | undefined = await readInstallations(tx)
    .where(placeColumns(place))
    .whereNot('status', 'uninstalled')
    .first()
  return row && toInstallation(row)
}

export async function lastGeneration(tx: Tx, place: Place): Promise<number> {
  const row: { last?: number | null } | undefined = await tx('installations')
    .where(placeColumns(place))
    .max({ last: 'generation' })
    .first()
  return row?.last ?? 0
}

export async function findInstallationRow(tx: Tx, id: string): Promise<Installation | undefined> {
  const row: Row | undefined = await readInstallations(tx).where({ id }).first()
  return row && toInstallation(row)
}

/** Holds the row until the transaction ends: what is decided about its keys meanwhile is decided once. */
export async function lockInstallation(tx: Tx, id: string): Promise<Installation | undefined> {
  const row: Row | undefined = await locked(readInstallations(tx).where({ id })).first()
  return row && toInstallation(row)
}

/** Holds several rows, each transaction in the same order. */
export async function lockInstallations(tx: Tx, ids: readonly string[]): Promise<void> {
  const rows = tx('installations').whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
  await locked(rows.orderBy('id')).select('id')
}

/** Of these, the ones that wait for the platform's acknowledgement. */
export async function listInstalling(tx: Tx, ids: readonly string[]): Promise<Installation[]> {
  const rows: Row[] = await readInstallations(tx)
    .whereRaw(isAmong(tx, 'id', [...new Set(ids)]))
    .where({ status: 'installing' })
    .orderBy('id')
  return rows.map(toInstallation)
}

/** Installations of an account, the newest first: those that are not uninstalled, or those that left working keys. */
export async function pageByAccount(
  tx: Tx,
  page: { accountId: string; which: 'alive' | 'over'; before?: string | undefined; limit: number },
): Promise<Installation[]> {
  const query = readInstallations(tx).where({ account_id: page.accountId }).orderBy('id', 'desc').limit(page.limit)
  if (page.before !== undefined) query.where('id', '<', page.before)
  if (page.which === 'alive') query.whereNot('status', 'uninstalled')
  else query.where('status', 'uninstalled').whereRaw(HOLDS_KEYS)
  const rows: Row[] = await query
  return rows.map(toInstallation)
}

/** A look into the index of working keys; whether their deadlines have passed is for whoever counts them. */
const HOLDS_KEYS = `exists (select 1 from keys where keys.installation_id = installations.id and keys.status <> 'expired')`

/** Which of these installations somebody has suspended. */
export async function listSuspendedOf(tx: Tx, ids: readonly string[]): Promise<string[]> {
  return await tx('installations')
    .whereRaw(isAmong(tx, 'id', ids))
    .where(set => set.whereNotNull('suspended_by_account_at').orWhereNotNull('suspended_by_operator_at'))
    .pluck('id')
}

/** The apps that an account has installed at any time, at most `limit`; an index answers. */
export async function listAppIdsOfAccount(tx: Tx, accountId: string, limit: number): Promise<string[]> {
  return await tx('installations')
    .where({ account_id: accountId })
    .distinct()
    .orderBy('app_id')
    .limit(limit)
    .pluck('app_id')
}

/** Which of these apps are installed in an account. */
export async function listAliveIn(
  tx: Tx,
  accountId: string,
  appIds: readonly string[],
): Promise<{ id: string; app_id: string; mode: Mode }[]> {
  return await tx('installations')
    .where({ account_id: accountId })
    .whereRaw(isAmong(tx, 'app_id', appIds))
    .whereNot('status', 'uninstalled')
    .orderBy('id', 'desc')
    .select('id', 'app_id', 'mode')
}

/** Some accounts in which an app is installed or has left keys that work, in the order of their ids, after one. */
export async function listAccountsOfApp(tx: Tx, appId: string, after: string, limit: number): Promise<string[]> {
  return await tx('installations')
    .where({ app_id: appId })
    .where('account_id', '>', after)
    .where(holds => holds.whereNot('status', 'uninstalled').orWhereRaw(HOLDS_KEYS))
    .distinct()
    .orderBy('account_id')
    .limit(limit)
    .pluck('account_id')
}

/** Some of an app's installations that are alive, in the order of their ids, after one. */
export async function listAliveAfter(tx: Tx, appId: string, after: string, limit: number): Promise<Installation[]> {
  const rows: Row[] = await readInstallations(tx)
    .where({ app_id: appId })
    .where('id', '>', after)
    .whereNot('status', 'uninstalled')
    .orderBy('id')
    .limit(limit)
  return rows.map(toInstallation)
}

/** How many installations of each app are alive, by mode. */
export async function countAliveByApp(
  tx: Tx,
  appIds: readonly string[],
): Promise<{ app_id: string; mode: Mode; count: number }[]> {
  const rows: { app_id: string; mode: Mode; count: number | string }[] = await tx('installations')
    .whereIn('app_id', [...appIds])
    .whereNot('status', 'uninstalled')
    .groupBy('app_id', 'mode')
    .select('app_id', 'mode')
    .count({ count: '*' })
  return rows.map(row => ({ ...row, count: Number(row.count) }))
}

/** Takes a legal step; false where the installation is not in a state that allows it. */
export async function moveInstallation(
  tx: Tx,
  id: string,
  verb: Exclude<InstallationVerb, 'uninstall'>,
  at: number,
): Promise<boolean> {
  const { from, to } = INSTALLATION_TRANSITIONS[verb]
  const times = to === 'active' ? { activated_at: at } : {}
  return (
    (await tx('installations')
      .where({ id })
      .whereIn('status', [...from])
      .update({ status: to, ...times })) === 1
  )
}

/** Ends an installation; from the commit on its row decides about all its keys, until each row of theirs says so. */
export async function endInstallation(
  tx: Tx,
  id: string,
  { reason, keys, at }: { reason: UninstallReason; keys: KeyChoice; at: number },
): Promise<boolean> {
  const { from, to } = INSTALLATION_TRANSITIONS.uninstall
  const settle = { settle_keys: keys.answer, settle_until: keys.answer === 'until' ? keys.deadline : null }
  const changed = await tx('installations')
    .where({ id })
    .whereIn('status', [...from])
    .update({ status: to, uninstalled_at: at, uninstall_reason: reason, ...settle })
  if (changed === 1) announce(tx, `installation:${id}`)
  return changed === 1
}

/** What the uninstallation of an installation has decided about keys whose rows do not say so yet. */
export async function findSettlement(tx: Tx, id: string): Promise<Settlement | undefined> {
  const row: SettlementRow | undefined = await tx('installations')
    .where({ id })
    .first(...SETTLEMENT_COLUMNS)
  return row && settlementOf(row)
}

/** Every key is settled; whoever waits for deadlines looks at them anew. */
export async function endSettlement(tx: Tx, id: string): Promise<void> {
  await tx('installations').where({ id }).update({ settle_keys: null, settle_until: null })
  announce(tx, `installation:${id}`)
}

/** The permissions that the row itself has still. */
export async function findStoredPermissions(tx: Tx, id: string): Promise<string[]> {
  const row: { permissions: string } | undefined = await tx('installations').where({ id }).first('permissions')
  return JSON.parse(row?.permissions ?? '[]')
}

export async function setInstallationPermissions(tx: Tx, id: string, permissions: readonly string[]): Promise<void> {
  await tx('installations')
    .where({ id })
    .update({ permissions: JSON.stringify(permissions) })
}

/** The number of the installation's next event. */
export async function nextSequence(tx: Tx, id: string): Promise<number> {
  const rows: { sequence: number }[] = await tx('installations')
    .where({ id })
    .update({ sequence: tx.raw('sequence + 1') })
    .returning('sequence')
  const [row] = rows
  if (!row) throw new Error(`installation ${id} is missing`)
  return row.sequence
}

/** Sets or clears a flag; false where it was so already. The operator takes over what the platform has set. */
export async function setSuspended(tx: Tx, id: string, by: SuspendedBy, at: number | null): Promise<boolean> {
  const own = by === 'account'
  const column = own ? 'suspended_by_account_at' : 'suspended_by_operator_at'
  const query = tx('installations').where({ id })
  if (at === null) query.whereNotNull(column)
  else
    query.where(free => {
      free.whereNull(column)
      if (by === 'operator') free.orWhere({ suspended_by_operator_who: 'platform' })
    })
  const change = { [column]: at, ...(!own && { suspended_by_operator_who: at === null ? null : by }) }
  const changed = (await query.update(change)) === 1
  if (changed) announce(tx, `installation:${id}`)
  return changed
}

export type InstallationFilter = {
  appId: string
  installationId?: string | undefined
  before?: string | undefined
  /** Whether uninstalled ones are left out. */
  alive?: boolean
  limit: number
}

/** The newest first; `before` is the id that the last page ended with. */
export async function pageOfApp(tx: Tx, filter: InstallationFilter): Promise<Installation[]> {
  const query = readInstallations(tx).where({ app_id: filter.appId }).orderBy('id', 'desc').limit(filter.limit)
  if (filter.installationId) query.where({ id: filter.installationId })
  if (filter.before) query.where('id', '<', filter.before)
  if (filter.alive) query.whereNot('status', 'uninstalled')
  const rows: Row[] = await query
  return rows.map(toInstallation)
}
