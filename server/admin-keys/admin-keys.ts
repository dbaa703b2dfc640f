import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import { createAllowedRule } from '../base/addresses.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { hashSecret, isWellFormedSecret, mintSecret, redactSecret } from '../base/secret-format.ts'
import {
  type AdminKeyRow,
  endAdminKey,
  findAdminKeyRow,
  insertAdminKey,
  listAdminKeyNames,
  listAdminKeyRows,
} from './admin-key-store.ts'
import type { Scope } from './scopes.ts'

/** A key with which a program of the operator calls the admin API. */
export type AdminKey = {
  id: string
  name: string
  redacted: string
  scopes: Scope[]
  /** Addresses and ranges that it may be used from; null for all. */
  addresses: string[] | null
  createdAt: number
  expiresAt: number | null
  revokedAt: number | null
}

export type CreateAdminKey = {
  name: string
  scopes: readonly Scope[]
  addresses: readonly string[] | null
  expiresAt: number | null
  actor: Actor
}

/** Makes an admin key; it is shown once and stored as a hash. */
export async function createAdminKey(
  tx: Tx,
  caps: Caps & { keyBrand: string },
  command: CreateAdminKey,
): Promise<{ adminKeyId: string; adminKey: string }> {
  const { name, addresses, expiresAt, actor } = command
  const [adminKeyId, adminKey] = [caps.ids.next('adk'), mintSecret(caps.random, `${caps.keyBrand}a_`)]
  const scopes = [...new Set(command.scopes)]
  const at = caps.clock.now()
  await insertAdminKey(tx, {
    id: adminKeyId,
    name,
    token_hash: hashSecret(adminKey),
    redacted: redactSecret(adminKey),
    scopes: JSON.stringify(scopes),
    addresses: addresses && JSON.stringify(addresses),
    created_at: at,
    expires_at: expiresAt,
    revoked_at: null,
  })
  const act = { actor, what: 'admin_key.created', object: adminKeyId, at, data: { name, scopes } }
  await recordActivity(tx, caps, [], [act])
  return { adminKeyId, adminKey }
}

/** Ends an admin key at once. Throws `object.not_found`. */
export async function revokeAdminKey(tx: Tx, caps: Caps, { id, actor }: { id: string; actor: Actor }): Promise<void> {
  const at = caps.clock.now()
  if (!(await endAdminKey(tx, id, at))) throw new AppError('object.not_found')
  await recordActivity(tx, caps, [], [{ actor, what: 'admin_key.revoked', object: id, at }])
}

/** All admin keys, the newest first. */
export async function listAdminKeys(tx: Tx): Promise<AdminKey[]> {
  return (await listAdminKeyRows(tx)).map(toAdminKey)
}

/** The names of admin keys by their ids. */
export async function adminKeyNames(tx: Tx, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  return new Map((await listAdminKeyNames(tx, ids)).map(({ id, name }) => [id, name]))
}

/** The admin key that somebody presents, if it works now and from their address. */
export async function findPresentedAdminKey(
  tx: Tx,
  presented: string,
  address: string,
  now: number,
): Promise<AdminKey | undefined> {
  if (!isWellFormedSecret(presented)) return undefined
  const row = await findAdminKeyRow(tx, hashSecret(presented))
  const key = row && toAdminKey(row)
  if (!key || statusOfAdminKey(key, now) !== 'active') return undefined
  return key.addresses === null || createAllowedRule(key.addresses)(address) ? key : undefined
}

export function statusOfAdminKey(
  { revokedAt, expiresAt }: Pick<AdminKey, 'revokedAt' | 'expiresAt'>,
  now: number,
): 'active' | 'expired' | 'revoked' {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'active'
}

function toAdminKey(row: AdminKeyRow): AdminKey {
  return {
    id: row.id,
    name: row.name,
    redacted: row.redacted,
    scopes: JSON.parse(row.scopes) as Scope[],
    addresses: row.addresses === null ? null : (JSON.parse(row.addresses) as string[]),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
  }
}
