import type { Knex } from 'knex'
import type { Tx } from '../../db/connect.ts'
import { DAY } from '../base/clock.ts'
import { findKeyRow, type Key } from './key-store.ts'

/** The days before a deadline at which a reminder is due, and until which it is replaced by the later one. */
export type Stage = { days: number; until: number }

/** A week and a day before the deadline; if the first is missed, only the second is sent (docs/rules.md 5.3). */
export const STAGES: readonly Stage[] = [
  { days: 7, until: 1 },
  { days: 1, until: 0 },
]

/** Installations with kept keys for which a reminder is due. */
export async function listInstallationsToRemind(tx: Tx, stage: Stage, at: number): Promise<string[]> {
  return await due(tx, stage, at).distinct('installation_id').orderBy('installation_id').pluck('installation_id')
}

/** The keys of an installation that this transaction must remind of: each once per deadline and stage. */
export async function takeReminders(tx: Tx, installationId: string, stage: Stage, at: number): Promise<Key[]> {
  const taken: Key[] = []
  for (const { id, deadline } of await listDueOf(tx, installationId, stage, at)) {
    const first = await insertReminder(tx, { keyId: id, deadline, days: stage.days, at })
    const key = first ? await findKeyRow(tx, id) : undefined
    if (key) taken.push(key)
  }
  return taken
}

/** When the next reminder is due; undefined if no kept key has a later deadline. */
export async function nextReminder(tx: Tx, at: number): Promise<number | undefined> {
  const times: number[] = []
  for (const { days } of STAGES) {
    const next = await nextWithin(tx, days, at)
    if (next !== undefined) times.push(next)
  }
  return times.length > 0 ? Math.min(...times) : undefined
}

const kept = (tx: Tx) => tx('keys').whereRaw("status <> 'expired'").whereNotNull('kept_at')

/** Kept keys within a stage without a reminder, except those kept only after its time. */
function due(tx: Tx, { days, until }: Stage, at: number): Knex.QueryBuilder {
  return kept(tx)
    .where('expires_at', '>', at + until * DAY)
    .where('expires_at', '<=', at + days * DAY)
    .whereRaw('kept_at < expires_at - ?', [days * DAY])
    .whereNotExists(
      tx('key_reminders as r').whereRaw('r.key_id = keys.id and r.deadline = keys.expires_at').where('r.days', days),
    )
}

async function listDueOf(
  tx: Tx,
  installationId: string,
  stage: Stage,
  at: number,
): Promise<{ id: string; deadline: number }[]> {
  return await due(tx, stage, at)
    .where({ installation_id: installationId })
    .orderBy('id')
    .select('id', 'expires_at as deadline')
}

/** Reserves a reminder for this transaction; returns false if another one has. */
async function insertReminder(
  tx: Tx,
  reminder: { keyId: string; deadline: number; days: number; at: number },
): Promise<boolean> {
  const { keyId, deadline, days, at } = reminder
  const rows: unknown[] = await tx('key_reminders')
    .insert({ key_id: keyId, deadline, days, created_at: at })
    .onConflict(['key_id', 'deadline', 'days'])
    .ignore()
    .returning('key_id')
  return rows.length === 1
}

/** When the next kept key comes within so many days of its deadline. */
async function nextWithin(tx: Tx, days: number, at: number): Promise<number | undefined> {
  const row: { deadline: number } | undefined = await kept(tx)
    .where('expires_at', '>', at + days * DAY)
    .orderBy('expires_at')
    .first('expires_at as deadline')
  return row && row.deadline - days * DAY
}
