import { CompactSign, type CryptoKey, compactVerify, type JWTVerifyGetKey } from 'jose'
import { z } from 'zod'
import type { Database, Tx } from '../../db/connect.ts'
import { deleteFirst, deleteInBatches } from '../../db/delete-in-batches.ts'
import { type Clock, DAY, isoTime } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { type Head, listHeads } from './activity-store.ts'
import type { KnownEntry } from './verify-activity.ts'

/** Signs for the server: the current one of its signing keys. */
export type Signer = { kid: string; key: CryptoKey }

const TYPE = 'activity-checkpoint'
const ALG = 'ES256'
const BATCH = 500
const KEPT = 400 * DAY
/** A compact JWS anywhere in a file: alone on a line, or in JSON. */
const COMPACT_JWS = /[\w-]+\.[\w-]+\.[\w-]+/g

const Checkpoint = z.object({
  account_id: z.string(),
  number: z.int().positive(),
  hash: z.string(),
  at: z.iso.datetime(),
})

type CheckpointCaps = { database: Database; clock: Clock; signing: { current: Signer } }

/**
 * Signs the head of every chain that has grown since its last checkpoint, unless that one is younger than `apart`
 * milliseconds. A stored checkpoint later reveals that a chain was truncated or rewritten. Returns the number of new
 * checkpoints.
 */
export async function makeCheckpoints(caps: CheckpointCaps, apart = DAY): Promise<number> {
  const { database, clock, signing } = caps
  const at = clock.now()
  let made = 0
  for (let after = ''; ; ) {
    const heads = await database.read(tx => listHeads(tx, after, BATCH))
    const last = heads.at(-1)
    if (!last) return made
    after = last.account_id
    const grown = await database.read(tx => withoutCheckpoint(tx, heads, at - apart))
    if (grown.length === 0) continue
    const rows = await Promise.all(grown.map(async head => await checkpointOf(signing.current, head, at)))
    await database.transaction(async tx => {
      await tx('activity_checkpoints').insert(rows).onConflict(['account_id', 'number']).ignore() // two nodes may sign
    })
    made += rows.length
  }
}

async function withoutCheckpoint<Row extends Head & { account_id: string }>(
  tx: Tx,
  heads: readonly Row[],
  since: number,
): Promise<Row[]> {
  const latest: { account_id: string; number: number; at: number }[] = await tx('activity_checkpoints')
    .whereIn(
      'account_id',
      heads.map(({ account_id }) => account_id),
    )
    .groupBy('account_id')
    .select('account_id')
    .max({ number: 'number', at: 'at' })
  const byAccount = new Map(latest.map(row => [row.account_id, row]))
  return heads.filter(({ account_id, number }) => {
    const before = byAccount.get(account_id)
    return number > 0 && (!before || (before.number < number && before.at <= since))
  })
}

async function checkpointOf(signer: Signer, { account_id, number, hash }: Head & { account_id: string }, at: number) {
  const content = JSON.stringify({ account_id, number, hash, at: isoTime(at) })
  const jws = await new CompactSign(new TextEncoder().encode(content))
    .setProtectedHeader({ alg: ALG, kid: signer.kid, typ: TYPE })
    .sign(signer.key)
  return { account_id, number, at, jws }
}

/** The checkpoints of these entries of an account, as compact JWS, by the entry's number. */
export async function checkpointsOf(
  tx: Tx,
  accountId: string,
  numbers: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  if (numbers.length === 0) return new Map()
  const rows: { number: number; jws: string }[] = await tx('activity_checkpoints')
    .where({ account_id: accountId })
    .whereBetween('number', [Math.min(...numbers), Math.max(...numbers)])
    .select('number', 'jws')
  return new Map(rows.map(({ number, jws }) => [number, jws]))
}

/** The latest checkpoint of every chain, or of one account's, as compact JWS (RFC 7515 §7.1). */
export async function listCheckpoints(tx: Tx, accountId?: string, batch = BATCH): Promise<string[]> {
  const found: string[] = []
  for (let after = ''; ; ) {
    const latest: { account_id: string; number: number }[] = await tx('activity_checkpoints')
      .where(accountId === undefined ? tx.raw('account_id > ?', [after]) : { account_id: accountId })
      .groupBy('account_id')
      .orderBy('account_id')
      .limit(batch)
      .select('account_id')
      .max({ number: 'number' })
    const last = latest.at(-1)
    if (!last) return found
    const rows: { jws: string }[] = await tx('activity_checkpoints')
      .whereIn(
        ['account_id', 'number'],
        latest.map(({ account_id, number }) => [account_id, number]),
      )
      .orderBy('account_id')
      .select('jws')
    found.push(...rows.map(({ jws }) => jws))
    if (accountId !== undefined) return found
    after = last.account_id
  }
}

/** Deletes checkpoints older than 400 days. Returns how many. */
export async function sweepCheckpoints(database: Database, at: number): Promise<number> {
  return await deleteInBatches(database, async (tx, limit) => {
    const old = tx('activity_checkpoints')
      .where('at', '<', at - KEPT)
      .orderBy('at')
    return await deleteFirst(tx, 'activity_checkpoints', ['account_id', 'number'], old, limit)
  })
}

/**
 * Reads the checkpoints in a file's text. Throws `request.invalid` if there is none, or one that this server did not
 * sign.
 */
export async function readCheckpoints(text: string, keyOf: JWTVerifyGetKey): Promise<KnownEntry[]> {
  const found = text.match(COMPACT_JWS) ?? []
  if (found.length === 0) throw new AppError('request.invalid', { detail: 'The file contains no checkpoint.' })
  return await Promise.all(
    found.map(async (jws, index) => {
      try {
        const { payload, protectedHeader } = await compactVerify(jws, keyOf, { algorithms: [ALG] })
        if (protectedHeader.typ !== TYPE) throw new Error(`its type is ${protectedHeader.typ}`)
        return Checkpoint.parse(JSON.parse(new TextDecoder().decode(payload)))
      } catch (cause) {
        const detail = `Checkpoint ${index + 1} of the file was not signed by this server, or was altered.`
        throw new AppError('request.invalid', { detail, cause })
      }
    }),
  )
}
