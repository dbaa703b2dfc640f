import { announce } from '../db/changes.ts'
import type { Tx } from '../db/connect.ts'
import { lockApp } from './app-store.ts'
import type { Withdrawal } from './withdrawals.ts'

/**
 * From the commit on, installations that consented to earlier versions do not have these permissions, whatever their rows
 * contain.
 */
export async function withdrawPermissions(tx: Tx, appId: string, withdrawal: Withdrawal): Promise<void> {
  await changeWithdrawals(tx, appId, withdrawal.version, withdrawal)
}

/** Ends a withdrawal after all rows are updated. */
export async function finishWithdrawal(tx: Tx, appId: string, version: number): Promise<void> {
  await changeWithdrawals(tx, appId, version, undefined)
}

/** The unfinished withdrawals of an app, oldest first. */
export async function findWithdrawals(tx: Tx, appId: string): Promise<Withdrawal[]> {
  const row: { withdrawals: string | null } | undefined = await tx('apps').where({ id: appId }).first('withdrawals')
  return JSON.parse(row?.withdrawals ?? '[]')
}

/** Records a withdrawal, or with `undefined` that the one of this version is finished. Announces it to verification. */
async function changeWithdrawals(
  tx: Tx,
  appId: string,
  version: number,
  withdrawal: Withdrawal | undefined,
): Promise<void> {
  await lockApp(tx, appId)
  const left = (await findWithdrawals(tx, appId)).filter(each => each.version !== version)
  if (withdrawal) left.push(withdrawal)
  await tx('apps')
    .where({ id: appId })
    .update({ withdrawals: left.length === 0 ? null : JSON.stringify(left) })
  announce(tx, `app:${appId}`)
}
