import type { Database, Tx } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { HOUR, MINUTE } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { opaqueToken } from '../base/random.ts'
import { hashSecret } from '../base/secret-format.ts'
import { listMemberships, type Membership, type User } from './account-store.ts'
import {
  deleteExpiredSessions,
  deleteSession,
  insertSession,
  listSessionRows,
  updateSessionAccount,
  updateSessionSeen,
} from './session-store.ts'

/** Without use for so long, a session ends. */
export const IDLE_LIFE = 2 * HOUR
/** A use is written down when the last one that was is so long ago. */
const SEEN_STEP = 5 * MINUTE

/** A signed-in person and their current account. Roles are read with every request. */
export type Session = {
  id: string
  user: User
  current: Membership
  memberships: Membership[]
  ip: string
  /** When they last proved who they are. Doing so again makes a new session. */
  authenticatedAt: number
  seenAt: number
}

export type StartSession = {
  userId: string
  ip: string
  userAgent: string
  /** The longest life of the session, in milliseconds (SESSION_HOURS). */
  life: number
  /** The session to end in the same step. */
  previousToken?: string | undefined
  /** When they proved who they are, where that was elsewhere; now by default. */
  authenticatedAt?: number | undefined
  /** Where they look first; otherwise where they looked before. */
  accountId?: string | undefined
}

/** Starts a session under a new token and ends the previous one, so that a planted cookie is worth nothing. */
export async function startSession(tx: Tx, caps: Caps, command: StartSession): Promise<{ token: string }> {
  const { clock, ids, random } = caps
  const at = clock.now()
  const memberships = await listMemberships(tx, command.userId)
  const before = command.previousToken ? await deleteSession(tx, hashSecret(command.previousToken)) : undefined
  const looked = command.accountId ?? (before?.user_id === command.userId ? before.account_id : undefined) // a person who signs in again stays in the same account
  const first = memberships.find(({ account }) => account.id === looked) ?? memberships[0]
  if (!first) throw new AppError('access.no_account')
  const token = opaqueToken(random)
  const id = ids.next('sess')
  await insertSession(tx, {
    id,
    token_hash: hashSecret(token),
    user_id: command.userId,
    account_id: first.account.id,
    ip: command.ip,
    user_agent: command.userAgent.slice(0, 300),
    created_at: at,
    seen_at: at,
    authenticated_at: Math.min(command.authenticatedAt ?? at, at),
    expires_at: at + command.life,
  })
  const actor = { type: 'user' as const, id: command.userId, ip: command.ip }
  await recordActivity(tx, caps, [first.account.id], [{ actor, what: 'session.started', object: id, at }])
  return { token }
}

/** The session of a cookie; undefined if it has ended, or the person has left every account. Makes one query. */
export async function findSession(
  tx: Tx,
  { clock }: Pick<Caps, 'clock'>,
  token: string,
  ip: string,
): Promise<Session | undefined> {
  const now = clock.now()
  const rows = await listSessionRows(tx, hashSecret(token), { at: now, seenAfter: now - IDLE_LIFE })
  const memberships = rows.map(({ member_of: id, account_name: name, role }) => ({ account: { id, name }, role }))
  const [row] = rows
  const current = memberships.find(({ account }) => account.id === row?.account_id) ?? memberships[0]
  if (!row || !current) return undefined
  const user = { id: row.user_id, email: row.email, operator: Boolean(row.operator) }
  return { id: row.id, user, current, memberships, ip, authenticatedAt: row.authenticated_at, seenAt: row.seen_at }
}

/** Writes down that a session is used, at most every five minutes. */
export async function touchSession(database: Database, session: Session, at: number): Promise<void> {
  if (at - session.seenAt < SEEN_STEP) return
  await database.relaxed(tx => updateSessionSeen(tx, session.id, at))
}

/** Ends the session of a cookie; without one it does nothing. */
export async function endSession(tx: Tx, caps: Caps, token: string, ip: string): Promise<void> {
  const row = await deleteSession(tx, hashSecret(token))
  if (!row) return
  const actor = { type: 'user' as const, id: row.user_id, ip }
  await recordActivity(
    tx,
    caps,
    [row.account_id],
    [{ actor, what: 'session.ended', object: row.id, at: caps.clock.now() }],
  )
}

/** Switches to another account of the same person. Throws `object.not_found` if they are not a member. */
export async function switchAccount(tx: Tx, session: Session, accountId: string): Promise<void> {
  if (!session.memberships.some(({ account }) => account.id === accountId)) throw new AppError('object.not_found')
  await updateSessionAccount(tx, session.id, accountId)
}

/** Looks at an account that the person has just joined. */
export async function lookAtAccount(tx: Tx, session: Session, accountId: string): Promise<void> {
  await updateSessionAccount(tx, session.id, accountId)
}

/** Deletes expired sign-ins; returns how many. */
export async function sweepSessions(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, (tx, limit) => deleteExpiredSessions(tx, at, limit))
}
