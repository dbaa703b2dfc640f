import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'

/** `hashes`: SHA-256 of each token that has the form of a key; `address`: of the reporter. */
export type LeakReport = { id: string; hashes: string[]; address: string; reportedAt: number }

export async function insertLeakReport(tx: Tx, { id, hashes, address, reportedAt }: LeakReport): Promise<void> {
  await tx('leak_reports').insert({ id, hashes: JSON.stringify(hashes), address, reported_at: reportedAt })
  announce(tx, 'leak-reports')
}

/** The oldest pending reports. */
export async function listLeakReports(tx: Tx, most: number): Promise<LeakReport[]> {
  const rows: { id: string; hashes: string; address: string; reported_at: number }[] = await tx('leak_reports')
    .orderBy('reported_at')
    .limit(most)
  return rows.map(({ id, hashes, address, reported_at }) => ({
    id,
    hashes: JSON.parse(hashes) as string[],
    address,
    reportedAt: reported_at,
  }))
}

export async function deleteLeakReport(tx: Tx, id: string): Promise<void> {
  await tx('leak_reports').where({ id }).delete()
}
