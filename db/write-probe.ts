import { type Clock, MINUTE, SECOND } from '../server/base/clock.ts'
import { opaqueToken, type Random } from '../server/base/random.ts'
import { within } from '../server/base/within.ts'
import type { Database } from './connect.ts'

/** About as much as an install writes, so that a disk without room for one fails the probe too. It does not compress. */
const BALLAST_BYTES = 12 * 1024
const FINE_FOR = 5 * SECOND
const FAILED_FOR = SECOND
const PATIENCE = 3 * SECOND
/** Older rows belong to processes that died and are deleted; in milliseconds. */
const LEFT_BEHIND = 10 * MINUTE

/** Whether a write succeeds now: neither a connection nor a read reveals a full disk or a read-only server. */
export type WriteProbe = {
  /** Returns why a write failed, within 3 s; undefined if it was committed. A success is cached for 5 s, a failure for 1 s. */
  check(): Promise<Error | undefined>
  /** Deletes the probe's row. */
  clear(): Promise<void>
}

export function createWriteProbe(caps: { database: Database; clock: Clock; random: Random }): WriteProbe {
  const { database, clock, random } = caps
  let last: { at: number; fault: Error | undefined } | undefined
  let pending: Promise<Error | undefined> | undefined
  let written = ''

  /** The new row is inserted before the old one is deleted, so it needs free space. */
  async function write(): Promise<void> {
    const [id, at] = [opaqueToken(random), clock.now()]
    const ballast = random.bytes(BALLAST_BYTES).toString('base64')
    await database.transaction(async tx => {
      await tx('heartbeats').insert({ id, kind: 'probe', at, ballast })
      const old = tx('heartbeats').where({ kind: 'probe' }).whereNot({ id })
      await old.where(either => either.where({ id: written }).orWhere('at', '<', at - LEFT_BEHIND)).delete()
    })
    written = id
  }

  async function probe(): Promise<Error | undefined> {
    const fault = await write().then(
      () => undefined,
      error => (error instanceof Error ? error : new Error(String(error))),
    )
    last = { at: clock.monotonic(), fault }
    pending = undefined
    return fault
  }

  return {
    async check() {
      if (last && clock.monotonic() - last.at < (last.fault ? FAILED_FOR : FINE_FOR)) return last.fault
      pending ??= probe()
      return await within(pending, PATIENCE, () => new Error(`a write took longer than ${PATIENCE} ms`))
    },
    async clear() {
      await pending
      if (written !== '') await database.relaxed(tx => tx('heartbeats').where({ id: written }).delete())
    },
  }
}
