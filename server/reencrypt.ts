import { SEALED_IN_APPS } from '../apps-registry/app-secrets.ts'
import type { Database, Tx } from '../db/connect.ts'
import { countUnder, lockSealedUnder, replaceSealed, rootsInUse, type SealedColumn } from '../db/sealed-columns.ts'
import { SEALED_AUTHENTICATORS } from './accounts/authenticator-store.ts'
import { SEALED_ACTIVITY_KEY } from './audit/activity-key.ts'
import { type Clock, SECOND } from './base/clock.ts'
import type { Keyring } from './base/keyring.ts'
import type { Log } from './base/log.ts'
import { ConfigError } from './config.ts'
import { lockRecordsForReencryption } from './oauth/reencrypt-records.ts'
import { SEALED_RECORDS } from './oauth/sealed-payload.ts'
import { SEALED_SIGNING_KEYS } from './oauth/signing-keys.ts'
import { SEALED_ANSWERS } from './platform-api/answer-once.ts'

/** Everything that is encrypted under the root secret. */
const SEALED: readonly SealedColumn[] = [
  SEALED_SIGNING_KEYS,
  SEALED_ACTIVITY_KEY,
  ...SEALED_IN_APPS,
  SEALED_AUTHENTICATORS,
  SEALED_RECORDS,
  ...SEALED_ANSWERS,
]

/** Short enough that other transactions do not wait noticeably. */
const BATCH = 100
/** How long until locked values are tried again. */
const DELAY = 5 * SECOND

export type ReencryptCaps = { database: Database; keyring: Keyring; clock: Clock; log: Log }

/**
 * Re-encrypts values under an older root secret, in small batches. Concurrent processes take different rows, and after a crash
 * another one continues. Returns when to run again.
 */
export async function reencrypt(caps: ReencryptCaps, progress = () => {}): Promise<number | undefined> {
  const { database, keyring, clock, log } = caps
  const older = new Set(keyring.roots.slice(1))
  if (older.size === 0) return undefined
  let done = 0
  let locked = false
  for (const column of SEALED) {
    const roots = await database.read(tx => rootsInUse(tx, column))
    for (const rootId of roots.filter(id => older.has(id))) {
      let batch: number
      do {
        batch = await database.transaction(tx => reencryptBatch(tx, keyring, column, rootId))
        done += batch
        progress()
      } while (batch > 0)
      locked ||= (await database.read(tx => countUnder(tx, column, rootId))) > 0
    }
  }
  if (done > 0) log.info({ values: done }, 'values were re-encrypted under the current root secret')
  if (!locked && done > 0) log.info({}, 'nothing is left under an older root secret; it may be removed')
  return locked ? clock.now() + DELAY : undefined
}

async function reencryptBatch(tx: Tx, keyring: Keyring, column: SealedColumn, rootId: string): Promise<number> {
  if (column === SEALED_RECORDS && !(await lockRecordsForReencryption(tx))) return 0
  let replaced = 0
  for (const value of await lockSealedUnder(tx, column, rootId, BATCH)) {
    const context = column.context(value.row)
    const plaintext = keyring.decrypt(column.purpose, context, value.sealed)
    const anew = keyring.encrypt(column.purpose, context, plaintext)
    if (await replaceSealed(tx, column, value, anew)) replaced += 1
  }
  return replaced
}

/** How many values are encrypted under the current root secret, under configured older ones, and under unknown ones. */
export type RootUse = { current: number; older: number; unknown: number }

export async function countRootUse(database: Database, roots: readonly string[]): Promise<RootUse> {
  const use: RootUse = { current: 0, older: 0, unknown: 0 }
  for (const column of SEALED) {
    for (const id of await database.read(tx => rootsInUse(tx, column))) {
      const where = id === roots[0] ? 'current' : roots.includes(id) ? 'older' : 'unknown'
      use[where] += await database.read(tx => countUnder(tx, column, id))
    }
  }
  return use
}

/** Throws ConfigError if a value is encrypted under an unknown root secret, because it could not be decrypted. */
export async function requireRoots(database: Database, keyring: Keyring): Promise<void> {
  const missing = new Map<string, number>()
  for (const column of SEALED) {
    for (const id of await database.read(tx => rootsInUse(tx, column))) {
      if (keyring.roots.includes(id)) continue
      missing.set(
        column.table,
        (missing.get(column.table) ?? 0) + (await database.read(tx => countUnder(tx, column, id))),
      )
    }
  }
  if (missing.size === 0) return
  const counts = [...missing].map(([table, count]) => `${count} in ${table}`).join(', ')
  throw new ConfigError([
    `LATCHKEY_SECRET: values in the database are encrypted under an unknown root secret (${counts}); add it after the current one, separated by a comma`,
  ])
}
