import type { Tx } from '../../db/connect.ts'
import { findKeyRow, type Key } from './key-store.ts'
import { insertReminder, listDueInstallations, listDueOf, nextWithin, type Stage } from './reminder-store.ts'

export type { Stage } from './reminder-store.ts'

/** A week before the deadline, and a day before it; who missed the first gets the second only (docs/rules.md 5.3). */
export const STAGES: readonly Stage[] = [
  { days: 7, until: 1 },
  { days: 1, until: 0 },
]

/** Installations that hold kept keys of which a reminder is due. */
export async function listInstallationsToRemind(tx: Tx, stage: Stage, at: number): Promise<string[]> {
  return await listDueInstallations(tx, stage, at)
}

/** The keys of an installation that this transaction is the one to remind of: each once per deadline and stage. */
export async function takeReminders(tx: Tx, installationId: string, stage: Stage, at: number): Promise<Key[]> {
  const taken: Key[] = []
  for (const { id, deadline } of await listDueOf(tx, installationId, stage, at)) {
    const first = await insertReminder(tx, { keyId: id, deadline, days: stage.days, at })
    const key = first ? await findKeyRow(tx, id) : undefined
    if (key) taken.push(key)
  }
  return taken
}

/** When the next reminder is due; nothing if no kept key has a deadline far enough away. */
export async function nextReminder(tx: Tx, at: number): Promise<number | undefined> {
  const times: number[] = []
  for (const { days } of STAGES) {
    const next = await nextWithin(tx, days, at)
    if (next !== undefined) times.push(next)
  }
  return times.length > 0 ? Math.min(...times) : undefined
}
