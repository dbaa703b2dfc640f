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

/** Records the installation of a grant, so that uninstalling can revoke it. */
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

/** The installation that a consent request of this person has led to already. */
export async function installationOfInteraction(
  tx: Tx,
  interactionUid: string,
  userId: string,
): Promise<string | undefined> {
  return await findInstallationOfInteraction(tx, hashSecret(interactionUid), userId)
}

/** Deletes expired codes, tokens and requests; returns how many. */
export async function sweepRecords(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, (tx, limit) => deleteExpiredRecords(tx, at, limit))
}

/** Whether this person has granted the app access to this installation before. */
export async function hasAgreedBefore(tx: Tx, installationId: string, userId: string): Promise<boolean> {
  const link = await tx('oauth_grants').where({ installation_id: installationId, user_id: userId }).first('grant_hash')
  return link !== undefined
}

/** Revokes every grant of an installation and all its tokens, in the caller's transaction; returns how many grants. */
export async function revokeGrants(tx: Tx, installationId: string): Promise<number> {
  const links: { grant_hash: string }[] = await locked(
    tx('oauth_grants').where({ installation_id: installationId }).select('grant_hash'),
  )
  const hashes = links.map(link => link.grant_hash)
  if (hashes.length === 0) return 0
  // One parameter for any number of grants: each *Continue* makes one.
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
