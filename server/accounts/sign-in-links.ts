import type { Database, Tx } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import type { Caps } from '../base/caps.ts'
import { MINUTE, SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { opaqueToken } from '../base/random.ts'
import { hashSecret } from '../base/secret-format.ts'
import {
  deleteLapsedSignInLinks,
  deleteSignInLink,
  findSignInLink,
  insertSignInLink,
  type SignInLinkRow,
} from './sign-in-link-store.ts'

/** How long a link of a hand-over works. */
export const HAND_OVER_LIFE = 60 * SECOND
/** How long a link works that the command line prints: somebody copies it by hand. */
export const PRINTED_LINK_LIFE = 10 * MINUTE

export type NewSignInLink = {
  userId: string
  /** Where the person looks first. */
  accountId: string
  /** A path of this server. */
  returnTo?: string | undefined
  /** The `state` with which a browser was sent to the operator's sign-in page. */
  state?: string | undefined
  /** When the person last proved who they are; now by default, and never later. */
  authenticatedAt?: number | undefined
  life: number
}

/** Makes a link that signs a person in once. Its token is stored as a hash. */
export async function createSignInLink(
  tx: Tx,
  { clock, random, publicUrl }: Pick<Caps, 'clock' | 'random'> & { publicUrl: string },
  link: NewSignInLink,
): Promise<{ url: string; expiresAt: number }> {
  const at = clock.now()
  const token = opaqueToken(random)
  const expiresAt = at + link.life
  await insertSignInLink(tx, {
    token_hash: hashSecret(token),
    user_id: link.userId,
    account_id: link.accountId,
    return_to: link.returnTo ?? null,
    state_hash: link.state === undefined ? null : hashSecret(link.state),
    authenticated_at: Math.min(link.authenticatedAt ?? at, at),
    expires_at: expiresAt,
  })
  return { url: `${publicUrl}/signin/link?token=${token}`, expiresAt }
}

/** What a link is for. */
export type SignInLink = {
  userId: string
  accountId: string
  email: string
  name: string | undefined
  accountName: string
  returnTo: string | undefined
  stateHash: string | undefined
  authenticatedAt: number
}

/** Looks at a link. Throws `sign_in.link_over` where it has been used, has lapsed, or never was. */
export async function readSignInLink(tx: Tx, { clock }: Pick<Caps, 'clock'>, token: string): Promise<SignInLink> {
  const row = await findSignInLink(tx, hashSecret(token), clock.now())
  if (!row) throw linkOver()
  return { ...linkOf(row), email: row.email, name: row.name ?? undefined, accountName: row.account_name }
}

/** Uses a link up; of two who use it at once, one does. Throws `sign_in.link_over`. */
export async function useSignInLink(tx: Tx, { clock }: Pick<Caps, 'clock'>, token: string): Promise<void> {
  if (!(await deleteSignInLink(tx, hashSecret(token), clock.now()))) throw linkOver()
}

/** Deletes links that have lapsed; returns how many. */
export async function sweepSignInLinks(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, (tx, limit) => deleteLapsedSignInLinks(tx, at, limit))
}

function linkOf(row: SignInLinkRow): Omit<SignInLink, 'email' | 'name' | 'accountName'> {
  return {
    userId: row.user_id,
    accountId: row.account_id,
    returnTo: row.return_to ?? undefined,
    stateHash: row.state_hash ?? undefined,
    authenticatedAt: row.authenticated_at,
  }
}

function linkOver(): AppError {
  return new AppError('sign_in.link_over', {
    detail: 'Nobody was signed in. A link works once, and not for long. Start again where you got it.',
  })
}
