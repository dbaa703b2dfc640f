import { createHash } from 'node:crypto'
import type { Tx } from '../../db/connect.ts'
import { type ActivityRow, append, lockHead } from './activity-store.ts'

/** Who acted: a person, a platform through its API, the operator's command line, or Latchkey itself. */
export type Actor = { type: 'user' | 'platform' | 'operator' | 'system'; id: string; ip: string }

export const SYSTEM: Actor = { type: 'system', id: 'latchkey', ip: '' }

export type Act = {
  actor: Actor
  /** For example `installation.uninstalled`. */
  what: string
  /** Identifier of what was acted upon. */
  object: string
  at: number
  data?: Record<string, string | number | boolean | null | string[]>
}

/** What some accounts read in their logs. */
export type Note = { accountIds: readonly string[]; acts: readonly Act[] }

/**
 * Writes acts into the activity log of every account concerned. Each account has one hash chain. Call it once per
 * transaction and last: the chains' ends stay locked until the commit, and are taken in one order.
 */
export async function recordActivity(tx: Tx, accountIds: readonly string[], acts: readonly Act[]): Promise<void> {
  await recordNotes(tx, [{ accountIds, acts }])
}

/** The same where not all accounts read the same; each reads its acts in the order of the notes. */
export async function recordNotes(tx: Tx, notes: readonly Note[]): Promise<void> {
  for (const accountId of [...new Set(notes.flatMap(note => note.accountIds))].sort()) {
    let head = await lockHead(tx, accountId)
    for (const act of notes.flatMap(note => (note.accountIds.includes(accountId) ? note.acts : []))) {
      const row = link(accountId, head, act)
      await append(tx, row)
      head = row
    }
  }
}

function link(accountId: string, head: { number: number; hash: string }, act: Act): ActivityRow {
  const row = {
    account_id: accountId,
    number: head.number + 1,
    at: act.at,
    actor_type: act.actor.type,
    actor_id: act.actor.id,
    what: act.what,
    object: act.object,
    ip: act.actor.ip,
    data: JSON.stringify(act.data ?? {}),
  }
  return { ...row, hash: hashLink(head.hash, row) }
}

/** The hash of one entry over its content and the hash before it. */
export function hashLink(previous: string, row: Omit<ActivityRow, 'hash'>): string {
  const content = [
    previous,
    row.account_id,
    row.number,
    row.at,
    row.actor_type,
    row.actor_id,
    row.what,
    row.object,
    row.ip,
    row.data,
  ]
  return createHash('sha256').update(JSON.stringify(content)).digest('base64url')
}
