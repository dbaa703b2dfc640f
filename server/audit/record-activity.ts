import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { commitTo, hashEntry, sealHead } from './activity-chain.ts'
import { type ActivityRow, append, type Head, lockHead } from './activity-store.ts'
import { type Actor, SYSTEM } from './actor.ts'

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

/** The entry that says that the end of a chain was changed by somebody who does not have its key. */
export const TAMPERED = 'activity.tampered'

type ActivityCaps = Pick<Caps, 'random' | 'activityKey'>

/**
 * Writes acts into the activity log of every account concerned. Each account has one hash chain. Call it once per
 * transaction and last: the chains' ends stay locked until the commit, and are taken in one order.
 */
export async function recordActivity(
  tx: Tx,
  caps: ActivityCaps,
  accountIds: readonly string[],
  acts: readonly Act[],
): Promise<void> {
  await recordNotes(tx, caps, [{ accountIds, acts }])
}

/** The same where not all accounts read the same; each reads its acts in the order of the notes. */
export async function recordNotes(tx: Tx, caps: ActivityCaps, notes: readonly Note[]): Promise<void> {
  for (const accountId of [...new Set(notes.flatMap(note => note.accountIds))].sort()) {
    const acts = notes.flatMap(note => (note.accountIds.includes(accountId) ? note.acts : []))
    let head = await lockHead(tx, accountId)
    for (const act of intact(caps, accountId, head) ? acts : [tampered(acts), ...acts])
      head = await extend(tx, caps, accountId, head, act)
  }
}

async function extend(tx: Tx, caps: ActivityCaps, accountId: string, head: Head, act: Act): Promise<Head> {
  const row = entryAfter(caps, accountId, head, act)
  const next = { number: row.number, hash: row.hash }
  const seal = sealHead(caps.activityKey, accountId, next)
  await append(tx, row, seal)
  return { ...next, seal }
}

/** An end that was reset to an earlier entry would otherwise be continued as if nothing had been cut off. */
function intact({ activityKey }: ActivityCaps, accountId: string, head: Head): boolean {
  return head.number === 0 || head.seal === sealHead(activityKey, accountId, head)
}

function tampered(acts: readonly Act[]): Act {
  return { actor: SYSTEM, what: TAMPERED, object: '', at: Math.max(...acts.map(({ at }) => at)) }
}

function entryAfter({ random, activityKey }: ActivityCaps, accountId: string, head: Head, act: Act): ActivityRow {
  const { ip } = act.actor
  const personal = ip === '' ? {} : { ip }
  const entry = {
    account_id: accountId,
    number: head.number + 1,
    at: act.at,
    actor_type: act.actor.type,
    actor_id: act.actor.id,
    what: act.what,
    object: act.object,
    data: JSON.stringify(act.data ?? {}),
    ...commitTo(random, personal),
  }
  return { ...entry, hash: hashEntry(activityKey, head.hash, entry) }
}
