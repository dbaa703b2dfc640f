import { createSecretKey, type KeyObject } from 'node:crypto'
import { type Database, lockTable, type Tx } from '../../db/connect.ts'
import type { SealedColumn } from '../../db/sealed-columns.ts'
import type { Caps } from '../base/caps.ts'

const PURPOSE = 'activity-key'
/** The id of the only row. */
const ID = 'activity'
const KEY_BYTES = 32

export const SEALED_ACTIVITY_KEY: SealedColumn = {
  table: 'activity_key',
  column: 'sealed',
  key: ['id'],
  purpose: PURPOSE,
  context: ({ id = '' }) => id,
}

/**
 * The key of the activity log's hash chains, created at the first start. It is stored encrypted under the root secret, so
 * that write access to the database alone is not enough to forge a chain, and so that the chains survive a change of the
 * root secret.
 */
export async function loadActivityKey(
  database: Database,
  { keyring, random }: Pick<Caps, 'keyring' | 'random'>,
): Promise<KeyObject> {
  const sealed = (await database.read(readSealedKey)) ?? (await database.transaction(tx => makeKey(tx)))
  return createSecretKey(Buffer.from(keyring.decrypt(PURPOSE, ID, sealed), 'base64url'))

  async function makeKey(tx: Tx): Promise<string> {
    await lockTable(tx, 'activity_key') // two nodes may start at once
    const found = await readSealedKey(tx)
    if (found !== undefined) return found
    const made = keyring.encrypt(PURPOSE, ID, random.bytes(KEY_BYTES).toString('base64url'))
    await tx('activity_key').insert({ id: ID, sealed: made })
    return made
  }
}

async function readSealedKey(tx: Tx): Promise<string | undefined> {
  const row: { sealed: string } | undefined = await tx('activity_key').where({ id: ID }).first('sealed')
  return row?.sealed
}
