import type { WithdrawalRow } from '../../apps-registry/withdrawals.ts'
import { lockedOrSkipped, type Tx } from '../../db/connect.ts'
import { deleteFirst } from '../../db/delete-in-batches.ts'
import { isAmong } from '../../db/json-rows.ts'

export type OAuthRecord = {
  model: string
  id_hash: string
  /** Encrypted. */
  payload: string
  grant_hash: string | null
  /** For a grant: the app that holds it. */
  uid_hash: string | null
  user_code_hash: string | null
  consumed_at: number | null
  /** When it may be swept; the payload says when it stops being valid. */
  expires_at: number | null
}

type Indexed = 'id_hash' | 'uid_hash' | 'user_code_hash'

export async function upsertRecord(tx: Tx, record: Omit<OAuthRecord, 'consumed_at'>): Promise<void> {
  await tx('oauth_records').insert(record).onConflict(['model', 'id_hash']).merge()
}

export async function insertRecord(tx: Tx, record: Omit<OAuthRecord, 'consumed_at'>): Promise<boolean> {
  const rows = await tx('oauth_records').insert(record).onConflict(['model', 'id_hash']).ignore().returning('id_hash')
  return rows.length === 1
}

/** A record, with the permissions that the app is withdrawing from the installation of its grant. */
export type FoundRecord = OAuthRecord & WithdrawalRow

/** Joins nothing if the record has no grant, or nothing is being withdrawn. */
const WITHDRAWN = `left join oauth_grants as link on link.grant_hash = coalesce(record.grant_hash, record.id_hash)
  left join installations as installed on installed.id = link.installation_id
  left join apps on apps.id = installed.app_id and apps.withdrawals is not null`

export async function findRecord(
  tx: Tx,
  model: string,
  column: Indexed,
  hash: string,
): Promise<FoundRecord | undefined> {
  return await tx('oauth_records as record')
    .joinRaw(WITHDRAWN)
    .where({ 'record.model': model, [`record.${column}`]: hash })
    .first('record.*', 'apps.withdrawals', 'installed.version as consented_version')
}

/** Marks a record as used; returns false if it already was. */
export async function consumeRecord(tx: Tx, model: string, idHash: string, at: number): Promise<boolean> {
  const changed = await tx('oauth_records')
    .where({ model, id_hash: idHash })
    .whereNull('consumed_at')
    .update({ consumed_at: at })
  return changed === 1
}

export async function deleteRecord(tx: Tx, model: string, idHash: string): Promise<void> {
  await tx('oauth_records').where({ model, id_hash: idHash }).delete()
}

export async function deleteByGrant(tx: Tx, model: string, grantHash: string): Promise<void> {
  await tx('oauth_records').where({ model, grant_hash: grantHash }).delete()
}

/** Deletes all records of an app of one model. */
export async function deleteByApp(tx: Tx, model: string, appHash: string): Promise<void> {
  await tx('oauth_records').where({ model, uid_hash: appHash }).delete()
}

/**
 * Locks every grant of an app and its records until the transaction ends. Skips locked rows, which are about to be used
 * up or deleted.
 */
export async function lockRecordsOfApp(tx: Tx, appHash: string): Promise<OAuthRecord[]> {
  await keepReencryptionOut(tx)
  const grants: OAuthRecord[] = await lockedOrSkipped(tx('oauth_records').where({ model: 'Grant', uid_hash: appHash }))
  const hashes = grants.map(grant => grant.id_hash)
  return [...grants, ...(await lockedOrSkipped(tx('oauth_records').whereIn('grant_hash', hashes)))]
}

/** The same for one installation. */
export async function lockRecordsOfInstallation(tx: Tx, installationId: string): Promise<OAuthRecord[]> {
  await keepReencryptionOut(tx)
  const hashes: string[] = await tx('oauth_grants').where({ installation_id: installationId }).pluck('grant_hash')
  const grants: OAuthRecord[] = await lockedOrSkipped(
    tx('oauth_records').where({ model: 'Grant' }).whereIn('id_hash', hashes),
  )
  return [...grants, ...(await lockedOrSkipped(tx('oauth_records').whereIn('grant_hash', hashes)))]
}

/** An advisory lock id that nothing else in the database uses. */
export const REENCRYPTION_LOCK = 5_284_237_002

/**
 * Waits for a batch that is being encrypted again, which itself never waits; any number of transactions may narrow at
 * once.
 */
async function keepReencryptionOut(tx: Tx): Promise<void> {
  if (tx.client.config.client === 'pg') await tx.raw(`select pg_advisory_xact_lock_shared(${REENCRYPTION_LOCK})`)
}

export async function updatePayload(
  tx: Tx,
  { model, id_hash }: Pick<OAuthRecord, 'model' | 'id_hash'>,
  payload: string,
): Promise<void> {
  await tx('oauth_records').where({ model, id_hash }).update({ payload })
}

/** Deletes a batch of sweepable records; returns how many. */
export async function deleteExpiredRecords(tx: Tx, at: number, limit: number): Promise<number> {
  const expired = tx('oauth_records').where('expires_at', '<=', at).orderBy('expires_at')
  return await deleteFirst(tx, 'oauth_records', ['model', 'id_hash'], expired, limit)
}

/** Deletes the records of a model that expire first, except for `most` of them; returns how many, at most `batch`. */
export async function deleteBeyond(tx: Tx, model: string, most: number, batch: number): Promise<number> {
  const [row] = (await tx('oauth_records').where({ model }).count({ count: '*' })) as { count: number | string }[]
  const excess = Math.min(Number(row?.count ?? 0) - most, batch)
  if (excess <= 0) return 0
  const first = tx('oauth_records').where({ model }).orderBy('expires_at').limit(excess).select('id_hash')
  return await tx('oauth_records').where({ model }).whereIn('id_hash', first).delete()
}

/** A page of grants after one, in the order of their hashes, made before a time. */
export async function listGrantsAfter(tx: Tx, after: string, before: number, limit: number): Promise<string[]> {
  return await tx('oauth_grants')
    .where('grant_hash', '>', after)
    .where('created_at', '<', before)
    .orderBy('grant_hash')
    .limit(limit)
    .pluck('grant_hash')
}

/** The grants among these that still exist and have no code or token any more. */
export async function listSpentOf(tx: Tx, grantHashes: readonly string[]): Promise<string[]> {
  const used = tx('oauth_records as token').whereRaw('token.grant_hash = spent.id_hash').select('token.id_hash')
  return await tx('oauth_records as spent')
    .where('spent.model', 'Grant')
    .whereRaw(isAmong(tx, 'spent.id_hash', grantHashes))
    .whereNotExists(used)
    .pluck('spent.id_hash')
}

/** Deletes grants. The fact that a person consented is kept; grants without consent leave nothing. */
export async function deleteGrants(tx: Tx, grantHashes: readonly string[]): Promise<void> {
  await tx('oauth_grants')
    .whereRaw(isAmong(tx, 'grant_hash', grantHashes))
    .whereRaw('interaction_hash = grant_hash')
    .delete()
  await tx('oauth_records')
    .where({ model: 'Grant' })
    .whereRaw(isAmong(tx, 'id_hash', grantHashes))
    .delete()
}

export type GrantLink = {
  grantHash: string
  installationId: string
  interactionHash: string
  userId: string
  at: number
}

export async function insertGrantLink(tx: Tx, link: GrantLink): Promise<void> {
  await tx('oauth_grants').insert({
    grant_hash: link.grantHash,
    installation_id: link.installationId,
    interaction_hash: link.interactionHash,
    user_id: link.userId,
    created_at: link.at,
  })
}

export async function findInstallationOfInteraction(
  tx: Tx,
  interactionHash: string,
  userId: string,
): Promise<string | undefined> {
  const row: { installation_id: string } | undefined = await tx('oauth_grants')
    .where({ interaction_hash: interactionHash, user_id: userId })
    .first('installation_id')
  return row?.installation_id
}

export async function findInstallationOfGrant(tx: Tx, grantHash: string): Promise<string | undefined> {
  const row: { installation_id: string } | undefined = await tx('oauth_grants')
    .where({ grant_hash: grantHash })
    .first('installation_id')
  return row?.installation_id
}
