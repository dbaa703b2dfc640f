/** One page of a list. `rows` has one more than `limit` if there is a next page. */
export function toPage<Row extends { id: string }, Item>(
  rows: readonly Row[],
  limit: number,
  toObject: (row: Row) => Item,
): { data: Item[]; next_cursor: string | null } {
  const shown = rows.slice(0, limit)
  return { data: shown.map(toObject), next_cursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null }
}
