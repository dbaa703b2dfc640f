import type { Tx } from '../db/connect.ts'
import { changeWithdrawals, readWithdrawals } from './withdrawal-store.ts'
import type { Withdrawal } from './withdrawals.ts'

/** From the commit on, whoever consented to an earlier version has none of these permissions, whatever its rows say. */
export async function withdrawPermissions(tx: Tx, appId: string, withdrawal: Withdrawal): Promise<void> {
  await changeWithdrawals(tx, appId, withdrawal.version, withdrawal)
}

/** Every row says so itself. */
export async function finishWithdrawal(tx: Tx, appId: string, version: number): Promise<void> {
  await changeWithdrawals(tx, appId, version, undefined)
}

/** What is being withdrawn, the oldest first. */
export async function findWithdrawals(tx: Tx, appId: string): Promise<Withdrawal[]> {
  return await readWithdrawals(tx, appId)
}
