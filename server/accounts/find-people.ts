import type { Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import { type IdPrefix, isId } from '../base/ids.ts'
import { type AccountRecord, findAccountRecord, findUserRecord, type UserRecord } from './people-store.ts'

export type { AccountRecord, MemberRecord, UserRecord } from './people-store.ts'
export { pageAccountRecords, pageMemberRecords, pageUserRecords } from './people-store.ts'

const EXTERNAL = 'external:'

/** An account by its id or as `external:ID`. Throws `object.not_found`. */
export async function requireAccount(tx: Tx, reference: string): Promise<AccountRecord> {
  return await required(reference, 'acct', by => findAccountRecord(tx, by))
}

/** A person by their id or as `external:ID`. Throws `object.not_found`. */
export async function requireUser(tx: Tx, reference: string): Promise<UserRecord> {
  return await required(reference, 'usr', by => findUserRecord(tx, by))
}

async function required<Row>(
  reference: string,
  prefix: IdPrefix,
  find: (by: { id: string } | { external_id: string }) => Promise<Row | undefined>,
): Promise<Row> {
  const by = reference.startsWith(EXTERNAL)
    ? { external_id: reference.slice(EXTERNAL.length) }
    : isId(prefix, reference) && { id: reference }
  const found = by ? await find(by) : undefined
  if (!found) throw new AppError('object.not_found')
  return found
}
