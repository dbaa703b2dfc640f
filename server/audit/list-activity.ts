import type { Tx } from '../../db/connect.ts'
import type { Personal } from './activity-chain.ts'
import type { ActivityRow } from './activity-store.ts'

export type ActivityEntry = Omit<ActivityRow, 'personal' | 'personal_salt' | 'commitment' | 'hash'> & {
  /** The address from which somebody acted; empty if it is unknown or was erased. */
  ip: string
}

/** Entries of an account's log below number `before`, newest first. */
export async function listActivity(tx: Tx, accountId: string, before: number, limit: number): Promise<ActivityEntry[]> {
  const rows: ActivityRow[] = await tx('activity')
    .where({ account_id: accountId })
    .where('number', '<', before)
    .orderBy('number', 'desc')
    .limit(limit)
  return rows.map(({ personal, personal_salt: _salt, commitment: _commitment, hash: _hash, ...entry }) => ({
    ...entry,
    ip: (JSON.parse(personal ?? '{}') as Personal)['ip'] ?? '',
  }))
}
