import { type Database, locked, type Tx } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import { isAmong } from '../../db/json-rows.ts'
import { hashSecret } from '../base/secret-format.ts'
import {
  deleteExpiredRecords,
  findInstallationOfGrant,
  findInstallationOfInteraction,
  insertGrantLink,
} from './record-store.ts'

export type LinkGrant = { grantId: string; installationId: string; interactionUid: string; userId: string; at: number }

/** Notes which installation a grant belongs to, so that uninstalling can end it. */
export async function linkGrant(tx: Tx, link: LinkGrant): Promise<void> {
  await insertGrantLink(tx, {
    grantHash: hashSecret(link.grantId),
    installationId: link.installationId,
    interactionHash: hashSecret(link.interactionUid),
    userId: link.userId,
    at: link.at,
  })
}

/** The installation that a grant belongs to. */
export async function installationOfGrant(tx: Tx, grantId: string): Promise<string | undefined> {
  return await findInstallationOfGrant(tx, hashSecret(grantId))
}

/** What became of a consent request that this person has answered already. */
export async function installationOfInteraction(
  tx: Tx,
  interactionUid: string,
  userId: string,
): Promise<string | undefined> {
  return await findInstallationOfInteraction(tx, hashSecret(interactionUid), userId)
}

/** Deletes codes, tokens and requests that have lapsed; returns how many. */
export async function sweepRecords(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, (tx, limit) => deleteExpiredRecords(tx, at, limit))
}

/** Whether this person has let the app into this installation before. */
export async function hasAgreedBefore(tx: Tx, installationId: string, userId: string): Promise<boolean> {
  const link = await tx('oauth_grants').where({ installation_id: installationId, user_id: userId }).first('grant_hash')
  return link !== undefined
}

/** Ends every grant of an installation and all its tokens, in the caller's transaction; returns how many grants ended. */
export async function revokeGrants(tx: Tx, installationId: string): Promise<number> {
  const links: { grant_hash: string }[] = await locked(
    tx('oauth_grants').where({ installation_id: installationId }).select('grant_hash'),
  )
  const hashes = links.map(link => link.grant_hash)
  if (hashes.length === 0) return 0
  // One parameter however many there are: each *Continue* makes a grant.
  await tx('oauth_records')
    .whereRaw(isAmong(tx, 'grant_hash', hashes))
    .delete()
  await tx('oauth_records')
    .where({ model: 'Grant' })
    .whereRaw(isAmong(tx, 'id_hash', hashes))
    .delete()
  await tx('oauth_grants')
    .whereRaw(isAmong(tx, 'grant_hash', hashes))
    .delete()
  return hashes.length
}
