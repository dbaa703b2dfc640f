import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { commitTo, hashEntry, type Personal, sealHead } from './activity-chain.ts'
import { type ActivityRow, append, type Head, lockHead } from './activity-store.ts'
import { type Actor, SYSTEM } from './actor.ts'

export type Act = {
  actor: Actor
  /** For example `installation.uninstalled`. */
  what: string
  /** The identifier of the object. */
  object: string
  at: number
  /** The app that it is about, where that is neither the object nor named in the data. */
  app?: string | undefined
  /** `email` is kept apart as a personal value. */
  data?: Record<string, string | number | boolean | null | string[]>
}

/** Log entries for some accounts. */
export type Note = { accountIds: readonly string[]; acts: readonly Act[] }

/** The name of the operator's own log, beside those of the accounts. */
export const OPERATOR_LOG = 'operator'
/** Accounts that an entry there names; an act that concerns more names none. */
const MOST_NAMED = 20

/** The entry which says that the head of a chain was changed without its key. */
export const TAMPERED = 'activity.tampered'

type ActivityCaps = Pick<Caps, 'random' | 'activityKey'>

/**
 * Writes acts into the activity log of every account concerned, and those of the operator and of admin keys into the
 * operator's log too. Each log is one hash chain. Call it once per transaction and last: the heads stay locked until the
 * commit, and are locked in one order.
 */
export async function recordActivity(
  tx: Tx,
  caps: ActivityCaps,
  accountIds: readonly string[],
  acts: readonly Act[],
): Promise<void> {
  await recordNotes(tx, caps, [{ accountIds, acts }])
}

/** The same for accounts with different entries; each gets its acts in the order of the notes. */
export async function recordNotes(tx: Tx, caps: ActivityCaps, ofAccounts: readonly Note[]): Promise<void> {
  const notes = [...ofAccounts, ...ofAccounts.flatMap(ofOperator)]
  for (const accountId of [...new Set(notes.flatMap(note => note.accountIds))].sort()) {
    const acts = notes.flatMap(note => (note.accountIds.includes(accountId) ? note.acts : []))
    let head = await lockHead(tx, accountId)
    for (const act of intact(caps, accountId, head) ? acts : [tampered(acts), ...acts])
      head = await extend(tx, caps, accountId, head, act)
  }
}

/** What the operator's log has of a note: the acts of the operator and of its programs, with the accounts concerned. */
function ofOperator({ accountIds, acts }: Note): Note[] {
  const own = acts.filter(({ actor }) => actor.type === 'operator' || actor.type === 'admin_key')
  if (own.length === 0) return []
  const named = accountIds.length > 0 && accountIds.length <= MOST_NAMED ? { accounts: [...accountIds] } : {}
  return [{ accountIds: [OPERATOR_LOG], acts: own.map(act => ({ ...act, data: { ...act.data, ...named } })) }]
}

async function extend(tx: Tx, caps: ActivityCaps, accountId: string, head: Head, act: Act): Promise<Head> {
  const row = entryAfter(caps, accountId, head, act)
  const next = { number: row.number, hash: row.hash }
  const seal = sealHead(caps.activityKey, accountId, next)
  await append(tx, row, seal)
  return { ...next, seal }
}

/** A head that was reset to an earlier entry would otherwise be continued, and the truncation hidden. */
function intact({ activityKey }: ActivityCaps, accountId: string, head: Head): boolean {
  return head.number === 0 || head.seal === sealHead(activityKey, accountId, head)
}

function tampered(acts: readonly Act[]): Act {
  return { actor: SYSTEM, what: TAMPERED, object: '', at: Math.max(...acts.map(({ at }) => at)) }
}

function entryAfter({ random, activityKey }: ActivityCaps, accountId: string, head: Head, act: Act): ActivityRow {
  const { personal, data } = apart(act)
  const entry = {
    account_id: accountId,
    number: head.number + 1,
    at: act.at,
    actor_type: act.actor.type,
    actor_id: act.actor.id,
    what: act.what,
    object: act.object,
    app_id: appOf(act),
    data: JSON.stringify(data),
    ...commitTo(random, personal),
  }
  return { ...entry, hash: hashEntry(activityKey, head.hash, entry) }
}

/** Personal values stand apart from what the hash covers, so that they can be erased: addresses and emails. */
function apart({ actor: { ip }, data: { email, ...data } = {} }: Act) {
  const personal: Personal = { ...(ip !== '' && { ip }), ...(typeof email === 'string' && { email }) }
  return { personal, data }
}

function appOf({ app, object, data }: Act): string | null {
  const named = app ?? (object.startsWith('app_') ? object : data?.['app'])
  return typeof named === 'string' ? named : null
}
