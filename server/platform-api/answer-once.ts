import type { Database, Tx } from '../../db/connect.ts'
import type { SealedColumn } from '../../db/sealed-columns.ts'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { hashSecret } from '../base/secret-format.ts'
import { deleteRequestsBefore, findRequest, saveAnswer, takePlace } from './idempotency-store.ts'

export type Answer = { status: number; body: unknown }

export type Repeatable = {
  appId: string
  path: string /** The `Idempotency-Key`, where one was sent. */
  key: string | undefined
  body: unknown
}

const KEPT = DAY
const PURPOSE = 'idempotent-answer'

type Place = { app_id: string; path: string; key_hash: string }
const contextOf = (place: Place) => `${place.app_id}:${place.path}:${place.key_hash}`

export const SEALED_ANSWERS: SealedColumn = {
  table: 'idempotent_requests',
  column: 'answer',
  key: ['app_id', 'path', 'key_hash'],
  purpose: PURPOSE,
  context: ({ app_id = '', path = '', key_hash = '' }) => contextOf({ app_id, path, key_hash }),
}

/**
 * Does the work in one transaction. With an `Idempotency-Key` its answer is kept for a day, sealed, in that same
 * transaction: a repetition gets the same answer and does nothing; the key with another body is refused. A request that
 * failed left nothing behind and may be repeated.
 */
export async function answerOnce(
  caps: Caps & { database: Database },
  request: Repeatable,
  work: (tx: Tx) => Promise<Answer>,
): Promise<Answer> {
  const { key } = request
  if (key === undefined) return await caps.database.transaction(work)
  const at = caps.clock.now()
  const place = { app_id: request.appId, path: request.path, key_hash: hashSecret(key) }
  const bodyHash = hashSecret(JSON.stringify(request.body ?? null))
  const context = contextOf(place)
  return await caps.database.transaction(async tx => {
    await deleteRequestsBefore(tx, at - KEPT)
    if (!(await takePlace(tx, { ...place, body_hash: bodyHash, created_at: at }))) {
      const before = await findRequest(tx, place)
      if (!before || before.body_hash !== bodyHash) throw new AppError('request.key_reused')
      if (before.answer === null) throw new Error('a finished request has no answer')
      return JSON.parse(caps.keyring.decrypt(PURPOSE, context, before.answer)) as Answer
    }
    const answer = await work(tx)
    await saveAnswer(tx, place, caps.keyring.encrypt(PURPOSE, context, JSON.stringify(answer)))
    return answer
  })
}
