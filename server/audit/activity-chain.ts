import { createHash, createHmac, type KeyObject } from 'node:crypto'
import type { Random } from '../base/random.ts'
import type { ActivityRow } from './activity-store.ts'

/** Personal values of an entry, such as the address; the chain contains a commitment to them. */
export type Personal = Readonly<Record<string, string>>

const SALT_BYTES = 16

/** Columns with personal values, and the salted commitment that stands for them in the chain. */
export function commitTo(
  random: Random,
  personal: Personal,
): Pick<ActivityRow, 'personal' | 'personal_salt' | 'commitment'> {
  if (Object.keys(personal).length === 0) return { personal: null, personal_salt: null, commitment: '' }
  const [text, salt] = [JSON.stringify(personal), random.bytes(SALT_BYTES).toString('base64url')]
  return { personal: text, personal_salt: salt, commitment: commitment(salt, text) }
}

/** Whether personal values match their commitment. Erased values (null) match. */
export function keepsCommitment({ personal, personal_salt, commitment: said }: ActivityRow): boolean {
  if (personal === null && personal_salt === null) return true
  return personal !== null && personal_salt !== null && said === commitment(personal_salt, personal)
}

/** Whether an entry had personal values that were erased. */
export function wasErased({ personal, commitment: said }: ActivityRow): boolean {
  return personal === null && said !== ''
}

/** The hash of one entry: HMAC-SHA-256 under the key of the log, over its content and the hash before it; base64url. */
export function hashEntry(
  key: KeyObject,
  previous: string,
  row: Omit<ActivityRow, 'hash' | 'personal' | 'personal_salt' | 'app_id'>,
): string {
  const { account_id, number, at, actor_type, actor_id, what, object, data } = row
  return mac(key, ['entry', previous, account_id, number, at, actor_type, actor_id, what, object, data, row.commitment])
}

/** Proves that the head of a chain was written with the key of the log; base64url. */
export function sealHead(
  key: KeyObject,
  accountId: string,
  { number, hash }: { number: number; hash: string },
): string {
  return mac(key, ['head', accountId, number, hash])
}

function mac(key: KeyObject, content: readonly (string | number)[]): string {
  return createHmac('sha256', key).update(JSON.stringify(content)).digest('base64url')
}

function commitment(salt: string, text: string): string {
  return createHash('sha256').update(`${salt}.${text}`).digest('base64url')
}
