import knex, { type Knex } from 'knex'
import { realElapsed } from '../server/base/clock.ts'
import type { Change, Follower, FollowerNews, Hear } from './changes.ts'
import { createProof } from './proof.ts'
import { sqliteFollowerConfig } from './sqlite-client.ts'
import { watchLog } from './sqlite-watch.ts'

const CLOSEST_LOOKS = 10
/** Enough for any running process to read them in time; one that was suspended for longer drops all copies. */
const KEPT_CHANGES = 10_000

/** Inserts changes in the transaction that makes them; other processes read them after the commit. */
export async function writeChanges(tx: Knex.Transaction, node: string, changes: readonly Change[]): Promise<void> {
  await tx.raw('insert into changes (origin, change) select ?, value from json_each(?)', [
    node,
    JSON.stringify(changes),
  ])
  const [{ last }] = (await tx.raw('select last_insert_rowid() as last')) as [{ last: number }]
  if (last % 100 < changes.length)
    await tx('changes')
      .where('id', '<=', last - KEPT_CHANGES)
      .delete()
}

/**
 * Watches SQLite's log file, which every commit of any process writes, and reads the changes. Its proofs are reads of `PRAGMA
 * data_version`, which show whether another connection has committed since the last read.
 */
export function followSqlite(file: string, node: string, { hear, connected }: FollowerNews): Follower {
  let reader: Knex | undefined
  let version: number | undefined
  const changes = createChangeReader(node, hear)
  const looks = createLooks(async () => {
    if (reader) await lookOnce(reader)
  })
  const proof = createProof(() => void looks.look())
  const log = watchLog(file, looks.lookSoon, connected)

  async function lookOnce(db: Knex): Promise<void> {
    const askedAt = realElapsed()
    try {
      const [{ data_version }] = (await db.raw('pragma data_version')) as [{ data_version: number }]
      if (data_version !== version) {
        await changes.read(db)
        version = data_version
      }
      proof.given(askedAt)
    } catch {
      proof.lost() // the next look reads it again
      version = undefined
    }
  }

  return {
    fresh: proof.fresh,
    connected: log.alive,
    async start() {
      const db = knex(sqliteFollowerConfig(file))
      await changes.begin(db)
      reader = db
      proof.start()
      await Promise.all([log.start(), looks.look()])
    },
    doubt: () => undefined, // the file stays where it is
    async stop() {
      proof.stop()
      log.stop()
      looks.cancel()
      const db = reader
      reader = undefined
      await looks.underWay()
      await db?.destroy()
    },
  }
}

/** Reads the changes of other processes since the last call. */
function createChangeReader(node: string, hear: Hear) {
  let last = 0

  async function begin(db: Knex): Promise<void> {
    const row: { last?: number | null } | undefined = await db('changes').max({ last: 'id' }).first()
    last = row?.last ?? 0
  }

  async function read(db: Knex): Promise<void> {
    const rows: { id: number; origin: string; change: Change }[] = await db('changes')
      .where('id', '>', last)
      .orderBy('id')
      .select('id', 'origin', 'change')
    const [first] = rows
    if (first && first.id !== last + 1) hear('anything') // some were deleted before they were read
    for (const { id, origin, change } of rows) {
      if (origin !== node) hear(change)
      last = id
    }
  }

  return { begin, read }
}

function createLooks(lookOnce: () => Promise<void>) {
  let looking: Promise<void> | undefined
  let lookAgain = false
  let waiting: NodeJS.Timeout | undefined

  /** One check at a time; concurrent callers get one that began after their call. */
  async function look(): Promise<void> {
    if (looking) {
      lookAgain = true
      return await looking
    }
    looking = lookWhileAsked()
    await looking
    looking = undefined
  }

  async function lookWhileAsked(): Promise<void> {
    do {
      lookAgain = false
      await lookOnce()
    } while (lookAgain)
  }

  function lookSoon(): void {
    waiting ??= setTimeout(() => {
      waiting = undefined
      void look()
    }, CLOSEST_LOOKS).unref()
  }

  return { look, lookSoon, underWay: () => looking, cancel: () => clearTimeout(waiting) }
}
