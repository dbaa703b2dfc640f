import type { Database, Tx } from '../../db/connect.ts'
import { deleteInBatches } from '../../db/delete-in-batches.ts'
import type { SealedColumn } from '../../db/sealed-columns.ts'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { hashSecret } from '../base/secret-format.ts'
import { canonicalJson } from './canonical-json.ts'
import {
  claimRequest,
  deleteRequestsBefore,
  findRequest,
  keyOf,
  type RequestKey,
  type RequestTable,
  saveAnswer,
} from './idempotency-store.ts'

export type Answer = { status: number; body: Record<string, unknown> }

export type Repeatable = {
  /** Where responses to such callers are stored. */
  kept: RequestTable
  /** The id of the app or of the admin key. */
  caller: string
  /** The canonical path of the request. */
  path: string
  /** The `Idempotency-Key`, if sent. */
  key: string | undefined
  body: unknown
}

/** The steps of a call; a repetition runs some of them again. */
export type Call<Object, Ready> = {
  /** Loads the object of the call and checks that the caller may use it; runs again for every repetition. */
  own(tx: Tx): Promise<Object>
  /** Checks that the caller may see the stored response: its token may have fewer permissions than the first one. */
  mayHave?(answer: Answer): void
  /** Work that depends on time or uses the network: outside any transaction, and only if there is no stored response. */
  ready?(): Promise<Ready>
  work(tx: Tx, object: Object, ready: Ready): Promise<Answer>
}

const KEPT = DAY
const PURPOSE = 'idempotent-answer'

export const OF_APPS: RequestTable = { table: 'idempotent_requests', caller: 'app_id' }
export const OF_ADMIN_KEYS: RequestTable = { table: 'admin_requests', caller: 'admin_key_id' }
const TABLES = [OF_APPS, OF_ADMIN_KEYS]

const contextOf = ({ caller, path, keyHash }: RequestKey) => `${caller}:${path}:${keyHash}`

export const SEALED_ANSWERS: readonly SealedColumn[] = TABLES.map(kept => ({
  table: kept.table,
  column: 'answer',
  key: keyOf(kept),
  purpose: PURPOSE,
  context: row =>
    contextOf({ caller: row[kept.caller] ?? '', path: row['path'] ?? '', keyHash: row['key_hash'] ?? '' }),
}))

/**
 * Does the work in one transaction. With an `Idempotency-Key` its response is stored for a day, encrypted, in the same
 * transaction. A repetition returns it and does nothing, whatever has changed since, if the caller may still see it; the same
 * key with another body is refused. A failed request stores nothing and may be retried.
 */
export async function answerOnce<Object, Ready>(
  caps: Caps & { database: Database },
  request: Repeatable,
  call: Call<Object, Ready>,
): Promise<Answer> {
  const { database } = caps
  const { kept, key, caller, path } = request
  const work = async (tx: Tx, ready: Ready) => await call.work(tx, await call.own(tx), ready)
  const prepare = async () => (await call.ready?.()) as Ready
  if (key === undefined) {
    const ready = await prepare()
    return await database.transaction(tx => work(tx, ready))
  }
  const at = caps.clock.now()
  const requestKey = { caller, path, keyHash: hashSecret(key) }
  const bodyHash = hashSecret(canonicalJson(request.body ?? {}))
  const context = contextOf(requestKey)

  async function earlier(tx: Tx): Promise<Answer | undefined> {
    await call.own(tx)
    const before = await findRequest(tx, kept, requestKey, at - KEPT)
    if (!before) return undefined
    if (before.body_hash !== bodyHash) throw new AppError('request.key_reused')
    if (before.answer === null) throw new Error('a finished request has no answer')
    const answer = JSON.parse(caps.keyring.decrypt(PURPOSE, context, before.answer)) as Answer
    call.mayHave?.(answer)
    return answer
  }

  const before = await database.read(earlier)
  if (before) return before
  const ready = await prepare()
  return await database.transaction(async tx => {
    const claim = { body_hash: bodyHash, created_at: at }
    if (!(await claimRequest(tx, kept, requestKey, claim, at - KEPT))) {
      const answered = await earlier(tx) // by a concurrent request
      if (!answered) throw new AppError('request.key_reused')
      return answered
    }
    const answer = await work(tx, ready)
    await saveAnswer(tx, kept, requestKey, caps.keyring.encrypt(PURPOSE, context, JSON.stringify(answer)))
    return answer
  })
}

/** Deletes expired responses; returns how many. */
export async function sweepAnswers(database: Database, at: number): Promise<number> {
  let deleted = 0
  for (const kept of TABLES)
    deleted += await deleteInBatches(database, (tx, limit) => deleteRequestsBefore(tx, kept, at - KEPT, limit))
  return deleted
}
