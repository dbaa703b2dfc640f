import type { Tx } from '../../db/connect.ts'

/** What one key did since the last batch. */
export type UsageBatch = {
  keyId: string
  lastAt: number
  hours: ReadonlyMap<number, number>
  addresses: ReadonlyMap<string, number>
}

export async function addUsage(tx: Tx, batch: readonly UsageBatch[]): Promise<void> {
  const hours = batch.flatMap(({ keyId, hours }) => [...hours].map(([hour, calls]) => ({ key_id: keyId, hour, calls })))
  const addresses = batch.flatMap(({ keyId, addresses }) =>
    [...addresses].map(([address, at]) => ({ key_id: keyId, address, seen_at: at })),
  )
  for (const rows of chunked(hours)) {
    await tx('key_usage_hours')
      .insert(rows)
      .onConflict(['key_id', 'hour'])
      .merge({ calls: tx.raw('key_usage_hours.calls + excluded.calls') })
  }
  for (const rows of chunked(addresses))
    await tx('key_usage_addresses').insert(rows).onConflict(['key_id', 'address']).merge()
  for (const { keyId, lastAt } of batch) {
    await tx('keys')
      .where({ id: keyId })
      .where(older => older.whereNull('last_used_at').orWhere('last_used_at', '<', lastAt))
      .update({ last_used_at: lastAt })
  }
}

/** SQLite takes at most 32,766 values in one statement. */
function chunked<Row>(rows: readonly Row[]): Row[][] {
  const size = 1_000
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, index) =>
    rows.slice(index * size, (index + 1) * size),
  )
}

export async function sumCalls(tx: Tx, keyIds: readonly string[], since: number): Promise<Map<string, number>> {
  const rows: { key_id: string; calls: number | string }[] = await tx('key_usage_hours')
    .whereIn('key_id', [...keyIds])
    .where('hour', '>=', since)
    .groupBy('key_id')
    .select('key_id')
    .sum({ calls: 'calls' })
  return new Map(rows.map(row => [row.key_id, Number(row.calls)]))
}

/** The latest first. */
export async function listAddresses(
  tx: Tx,
  keyIds: readonly string[],
  since: number,
): Promise<{ key_id: string; address: string }[]> {
  return await tx('key_usage_addresses')
    .whereIn('key_id', [...keyIds])
    .where('seen_at', '>=', since)
    .orderBy('seen_at', 'desc')
    .select('key_id', 'address')
}
