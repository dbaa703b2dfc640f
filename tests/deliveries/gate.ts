import type { Database } from '../../db/connect.ts'
import type { Behaviour } from '../support/receiver-behaviour.ts'

export type Gate = {
  behaviour: Behaviour
  /** Resolves when the request has arrived. */
  arrived: Promise<void>
  /** Lets the receiver respond 204. */
  open(): void
}

/** A response of a receiver that waits for the test. */
export function gate(): Gate {
  const [arrived, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const until = () => {
    arrived.resolve()
    return opened.promise
  }
  return { behaviour: { until }, arrived: arrived.promise, open: opened.resolve }
}

/** Keeps every other connection from writing deliveries until the returned function is called. */
export async function lockDeliveries({ database }: { database: Database }): Promise<() => Promise<void>> {
  const [locked, unlock] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const done = database.transaction(async tx => {
    if (database.kind === 'postgres') await tx.raw('lock table deliveries in access exclusive mode')
    locked.resolve()
    await unlock.promise
  })
  await Promise.race([locked.promise, done])
  return async () => {
    unlock.resolve()
    await done
  }
}
