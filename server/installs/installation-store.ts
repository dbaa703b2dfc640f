import type { Knex } from 'knex'
import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import {
  type KeyChoice,
  SETTLEMENT_COLUMNS,
  type Settlement,
  type SettlementRow,
  settlementOf,
} from '../keys/settlement.ts'
import { type InstallTarget, type NewInstallation, targetColumns, type UninstallReason } from './installation.ts'
import { INSTALLATION_TRANSITIONS, type InstallationVerb, type SuspendedBy } from './installation-states.ts'

/** Query for rows of `toInstallation`. */
export function readInstallations(tx: Tx): Knex.QueryBuilder {
  const withdrawals = '(select withdrawals from apps where apps.id = installations.app_id) as withdrawals'
  return tx('installations').select('installations.*', tx.raw(withdrawals))
}

/**
 * Inserts unless the target already has an installation; false if it has. A unique index decides between concurrent inserts.
 */
export async function insertInstallation(tx: Tx, installation: NewInstallation): Promise<boolean> {
  const rows = await tx('installations')
    .insert({
      id: installation.id,
      ...targetColumns(installation),
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

export async function lastGeneration(tx: Tx, target: InstallTarget): Promise<number> {
  const row: { last?: number | null } | undefined = await tx('installations')
    .where(targetColumns(target))
    .max({ last: 'generation' })
    .first()
  return row?.last ?? 0
}

/** Changes the state; false if the current state does not allow it. */
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

/** Ends an installation. From the commit on, its row decides about all its keys, until each key's row has been updated. */
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

/** What the uninstall decided about keys whose rows are not updated yet. */
export async function findSettlement(tx: Tx, id: string): Promise<Settlement | undefined> {
  const row: SettlementRow | undefined = await tx('installations')
    .where({ id })
    .first(...SETTLEMENT_COLUMNS)
  return row && settlementOf(row)
}

/** Every key's row is updated. Wakes the deadline runner, which checks the keys again. */
export async function endSettlement(tx: Tx, id: string): Promise<void> {
  await tx('installations').where({ id }).update({ settle_keys: null, settle_until: null })
  announce(tx, `installation:${id}`)
}

/** The permissions in the row itself, without pending withdrawals applied. */
export async function findStoredPermissions(tx: Tx, id: string): Promise<string[]> {
  const row: { permissions: string } | undefined = await tx('installations').where({ id }).first('permissions')
  return JSON.parse(row?.permissions ?? '[]')
}

export async function setInstallationPermissions(tx: Tx, id: string, permissions: readonly string[]): Promise<void> {
  await tx('installations')
    .where({ id })
    .update({ permissions: JSON.stringify(permissions) })
}

/** Increments and returns the installation's sequence, for its next event. */
export async function nextSequence(tx: Tx, id: string): Promise<number> {
  const rows: { sequence: number }[] = await tx('installations')
    .where({ id })
    .update({ sequence: tx.raw('sequence + 1') })
    .returning('sequence')
  const [row] = rows
  if (!row) throw new Error(`installation ${id} is missing`)
  return row.sequence
}

/** Sets or clears a flag; false if nothing changed. The operator's suspension replaces the platform's. */
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
