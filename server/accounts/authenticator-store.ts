import type { Tx } from '../../db/connect.ts'
import type { SealedColumn } from '../../db/sealed-columns.ts'

/** What binds a sealed secret to its row. */
export const SEALED_AUTHENTICATORS: SealedColumn = {
  table: 'authenticators',
  column: 'secret',
  key: ['user_id'],
  purpose: 'authenticator',
  context: row => String(row['user_id']),
}

export type AuthenticatorRow = { user_id: string; secret: string; created_at: number; last_step: number }

export async function findAuthenticator(tx: Tx, userId: string): Promise<AuthenticatorRow | undefined> {
  return await tx('authenticators').where({ user_id: userId }).first('user_id', 'secret', 'created_at', 'last_step')
}

/** False if the person has one already. */
export async function insertAuthenticator(tx: Tx, row: AuthenticatorRow): Promise<boolean> {
  const made = await tx('authenticators')
    .insert({ ...row, confirmed_at: row.created_at })
    .onConflict('user_id')
    .ignore()
    .returning('user_id')
  return made.length === 1
}

/** Accepts a time step once: false if a code of it, or of a later one, was accepted before (RFC 6238 §5.2). */
export async function spendStep(tx: Tx, userId: string, step: number): Promise<boolean> {
  const spent = tx('authenticators').where({ user_id: userId }).where('last_step', '<', step)
  return (await spent.update({ last_step: step })) === 1
}

/** Deletes the authenticator of a person and their recovery codes; false if there was none. */
export async function deleteAuthenticator(tx: Tx, userId: string): Promise<boolean> {
  await tx('recovery_codes').where({ user_id: userId }).delete()
  return (await tx('authenticators').where({ user_id: userId }).delete()) === 1
}

/** Replaces all recovery codes of a person. */
export async function replaceRecoveryCodes(tx: Tx, userId: string, hashes: readonly string[]): Promise<void> {
  await tx('recovery_codes').where({ user_id: userId }).delete()
  await tx('recovery_codes').insert(hashes.map(hash => ({ user_id: userId, code_hash: hash })))
}

/** Uses a recovery code; false if the person has no such unused one. */
export async function spendRecoveryCode(tx: Tx, userId: string, hash: string, at: number): Promise<boolean> {
  const spent = tx('recovery_codes').where({ user_id: userId, code_hash: hash }).whereNull('used_at')
  return (await spent.update({ used_at: at })) === 1
}

export async function countRecoveryCodes(tx: Tx, userId: string): Promise<number> {
  const unused = tx('recovery_codes').where({ user_id: userId }).whereNull('used_at')
  const row: { count?: number | string } | undefined = await unused.count({ count: '*' }).first()
  return Number(row?.count ?? 0)
}

/** Ends a sign-in: false if it has ended before. */
export async function spendChallenge(tx: Tx, id: string, expiresAt: number): Promise<boolean> {
  const made = await tx('used_challenges')
    .insert({ id, expires_at: expiresAt })
    .onConflict('id')
    .ignore()
    .returning('id')
  return made.length === 1
}
