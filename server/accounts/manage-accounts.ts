import { isUniqueViolation, type Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { type AccountRecord, insertAccountRecord, updateAccountRecord } from './people-store.ts'

/** Creates an account without members. Throws `people.external_id_taken`. */
export async function createAccount(
  tx: Tx,
  caps: Caps,
  { name, externalId, actor }: { name: string; externalId: string | null; actor: Actor },
): Promise<AccountRecord> {
  const at = caps.clock.now()
  const id = caps.ids.next('acct')
  const account = { id, name, external_id: externalId, made_by_program: true, created_at: at }
  await unlessTaken(() => insertAccountRecord(tx, account))
  await recordActivity(tx, caps, [id], [{ actor, what: 'account.created', object: id, at }])
  return account
}

export type AccountChange = Partial<Pick<AccountRecord, 'name' | 'external_id'>>

/** Renames an account, or gives it another external id. Throws `people.external_id_taken`. */
export async function changeAccount(
  tx: Tx,
  caps: Caps,
  { account, change, actor }: { account: AccountRecord; change: AccountChange; actor: Actor },
): Promise<AccountRecord> {
  const fields = Object.keys(change)
  if (fields.length === 0) return account
  await unlessTaken(() => updateAccountRecord(tx, account.id, change))
  const act = { actor, what: 'account.changed', object: account.id, at: caps.clock.now(), data: { fields } }
  await recordActivity(tx, caps, [account.id], [act])
  return { ...account, ...change }
}

/** Runs a statement on people or accounts. Throws `people.external_id_taken` and `account.email_taken`, with the field. */
export async function unlessTaken<Result>(statement: () => Promise<Result>): Promise<Result> {
  try {
    return await statement()
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    const { message, constraint } = error as Error & { constraint?: string }
    if (/external_id/.test(constraint ?? '') || /UNIQUE constraint failed: \w+\.external_id$/.test(message))
      throw new AppError('people.external_id_taken', {
        faults: [{ field: 'external_id', message: 'is in use' }],
        cause: error,
      })
    throw new AppError('account.email_taken', { faults: [{ field: 'email', message: 'is in use' }], cause: error })
  }
}
