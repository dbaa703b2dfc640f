import type { Tx } from './connect.ts'

/** A column whose values are encrypted under a root secret, and how each is bound to its row. */
export type SealedColumn = {
  table: string
  column: string
  /** The columns that identify a row. */
  key: readonly string[]
  purpose: string
  context(row: Readonly<Record<string, string>>): string
}

/** A current value, with the columns that identify its row. */
export type SealedValue = { sealed: string; row: Record<string, string> }

/** A ciphertext begins with the id of its root secret; the larger tables have an index of this expression. */
const ROOT = 'substr(??, 1, 8)'

/** The ids of the root secrets that a column's values are encrypted under, found without a scan of all values. */
export async function rootsInUse(tx: Tx, { table, column }: SealedColumn): Promise<string[]> {
  const roots: string[] = []
  for (;;) {
    const next: { root: string | null } | undefined = await tx(table)
      .whereRaw(`${ROOT} > ?`, [column, roots.at(-1) ?? ''])
      .select(tx.raw(`min(${ROOT}) as root`, [column]))
      .first()
    if (!next?.root) return roots
    roots.push(next.root)
  }
}

export async function countUnder(tx: Tx, { table, column }: SealedColumn, rootId: string): Promise<number> {
  const row: { count?: number | string } | undefined = await tx(table)
    .whereRaw(`${ROOT} = ?`, [column, rootId])
    .count({ count: '*' })
    .first()
  return Number(row?.count ?? 0)
}

/** Locks values under one root secret until the transaction ends. Rows locked by other transactions are skipped. */
export async function lockSealedUnder(
  tx: Tx,
  { table, column, key }: SealedColumn,
  rootId: string,
  limit: number,
): Promise<SealedValue[]> {
  const query = tx(table)
    .whereRaw(`${ROOT} = ?`, [column, rootId])
    .limit(limit)
    .select(...key, column)
  const rows: Record<string, string>[] = await (tx.client.config.client === 'pg'
    ? query.forUpdate().skipLocked()
    : query)
  return rows.map(({ [column]: sealed = '', ...row }) => ({ sealed, row }))
}

/** Replaces a ciphertext if it has not changed since it was read; false if it has. */
export async function replaceSealed(
  tx: Tx,
  { table, column }: SealedColumn,
  { row, sealed }: SealedValue,
  anew: string,
): Promise<boolean> {
  return (
    (await tx(table)
      .where({ ...row, [column]: sealed })
      .update({ [column]: anew })) === 1
  )
}
