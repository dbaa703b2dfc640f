import type { Tx } from '../../db/connect.ts'
import { hashSecret, isWellFormedSecret } from '../base/secret-format.ts'
import { judge, type Question, type Verdict } from './judge-key.ts'
import { findKeyByHash } from './key-record-store.ts'
import { statusAt } from './key-states.ts'
import { findKeyRow, type Key } from './key-store.ts'

export type { Verdict } from './judge-key.ts'

/** Verifies a well-formed key against the database. */
export async function verifyKey(tx: Tx, presented: Question & { key: string }, at: number): Promise<Verdict> {
  const key = await findKeyByHash(tx, hashSecret(presented.key))
  return key ? judge(key, presented, at) : { valid: false, code: 'not_found' }
}

/** The key itself, if it may be used now from that address. */
export async function findPresentedKey(tx: Tx, presented: string, ip: string, at: number): Promise<Key | undefined> {
  if (!isWellFormedSecret(presented)) return undefined
  const verdict = await verifyKey(tx, { key: presented, ip }, at)
  return verdict.valid ? await findKeyRow(tx, verdict.key_id) : undefined
}

/** A key by its hash, unless it has expired, whatever its permissions and allowlist: for a leak report. */
export async function findUnendedKey(tx: Tx, hash: string, at: number): Promise<Key | undefined> {
  const record = await findKeyByHash(tx, hash)
  return record && statusAt(record, at) !== 'expired' ? await findKeyRow(tx, record.id) : undefined
}
