import type { Tx } from '../db/connect.ts'
import { type Clock, MINUTE, SECOND } from './base/clock.ts'
import { opaqueToken } from './base/random.ts'
import type { Deps } from './deps.ts'

const EVERY = 15 * SECOND
/** A worker whose last heartbeat is older, in milliseconds, does not run properly. */
const FRESH_FOR = MINUTE
/** A running worker deletes heartbeats older than this: their processes died. */
const LEFT_BEHIND = 10 * MINUTE

/** The workers' heartbeats; undefined if no worker runs or all of them shut down cleanly. */
export type WorkersSeen = { fresh: number; ill: string[]; silentFor: number } | undefined

/**
 * Records every 15 s in the database that a worker runs, and which of its loops are stuck, for `latchkey doctor`. Returns a
 * function that stops it and removes the record.
 */
export function startBeating({ database, clock, random, log, pulses }: Deps): () => Promise<void> {
  const id = opaqueToken(random)
  let beating: Promise<void> | undefined
  let failed = false

  async function beat(): Promise<void> {
    try {
      await database.relaxed(tx => note(tx, { id, at: clock.now(), ill: pulses.ill().join(',') }))
      failed = false
    } catch (error) {
      if (!failed) log.warn({ err: error }, 'the heartbeat of this worker was not stored; retrying')
      failed = true
    }
  }

  const once = (): void => {
    beating ??= beat().finally(() => {
      beating = undefined
    })
  }
  once()
  const timer = setInterval(once, EVERY).unref()
  return async () => {
    clearInterval(timer)
    await beating
    await database
      .relaxed(tx => tx('heartbeats').where({ id }).delete())
      .catch(error => log.warn({ err: error }, 'the heartbeat of this worker could not be removed'))
  }
}

async function note(tx: Tx, beat: { id: string; at: number; ill: string }): Promise<void> {
  await tx('heartbeats')
    .insert({ ...beat, kind: 'worker' })
    .onConflict('id')
    .merge(['at', 'ill'])
  await tx('heartbeats')
    .where({ kind: 'worker' })
    .where('at', '<', beat.at - LEFT_BEHIND)
    .delete()
}

/** `silentFor` is the age of the latest heartbeat, in milliseconds. */
export async function workersSeen(tx: Tx, clock: Clock): Promise<WorkersSeen> {
  const rows: { at: number; ill: string | null }[] = await tx('heartbeats')
    .where({ kind: 'worker' })
    .select('at', 'ill')
  if (rows.length === 0) return undefined
  const now = clock.now()
  const fresh = rows.filter(({ at }) => at >= now - FRESH_FOR)
  const ill = [...new Set(fresh.flatMap(row => (row.ill ?? '').split(',').filter(Boolean)))]
  return { fresh: fresh.length, ill, silentFor: now - Math.max(...rows.map(({ at }) => at)) }
}
