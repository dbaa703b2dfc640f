import type { Tx } from '../../db/connect.ts'

/** What ends a key by itself; each column has an index of the keys that still work. */
const DEADLINES = ['expires_at', 'freeze_until'] as const

// A literal: with a parameter SQLite cannot use the index.
const working = (tx: Tx) => tx('keys').whereRaw("status <> 'expired'")

export type OverdueKey = { id: string; installationId: string | null }

/** An uninstallation has decided about the key already; what it decided is written into its row soon. */
const UNSETTLED = `kept_at is null and exists (select 1 from installations as over
  where over.id = keys.installation_id and over.settle_keys is not null)`

/** Keys that work by their row although a deadline has passed, but for some, and for those that are being settled. */
export async function listOverdue(tx: Tx, at: number, but: ReadonlySet<string>, limit: number): Promise<OverdueKey[]> {
  const overdue = new Map<string, OverdueKey>()
  for (const column of DEADLINES) {
    const found: OverdueKey[] = await working(tx)
      .where(column, '<=', at)
      .whereNotIn('id', [...but])
      .whereRaw(`not (${UNSETTLED})`)
      .orderBy(column)
      .limit(limit)
      .select('id', 'installation_id as installationId')
    for (const key of found) overdue.set(key.id, key)
  }
  return [...overdue.values()]
}

/** The first deadline of a working key that is still to come. */
export async function firstDeadlineAfter(tx: Tx, at: number): Promise<number | undefined> {
  const coming: number[] = []
  for (const column of DEADLINES) {
    const row: { deadline: number } | undefined = await working(tx)
      .where(column, '>', at)
      .orderBy(column)
      .first(`${column} as deadline`)
    if (row) coming.push(row.deadline)
  }
  return coming.length > 0 ? Math.min(...coming) : undefined
}
