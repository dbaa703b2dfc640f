import { announce } from '../db/changes.ts'
import type { Tx } from '../db/connect.ts'

/** The address responded with 410: the app's deliveries are paused. */
export async function noteGoneAddress(tx: Tx, appId: string, address: string): Promise<void> {
  await tx('apps').where({ id: appId }).update({ gone_address: address })
}

/** Ends the pause after a 410: deliveries of the app are attempted again. */
export async function clearGoneAddress(tx: Tx, appId: string): Promise<void> {
  await tx('apps').where({ id: appId }).update({ gone_address: null })
  announce(tx, 'deliveries')
}

/** The address acknowledged a ping: ends the pause if it is still about this address. */
export async function noteAddressBack(tx: Tx, appId: string, address: string): Promise<void> {
  const cleared = await tx('apps').where({ id: appId, gone_address: address }).update({ gone_address: null })
  if (cleared > 0) announce(tx, 'deliveries')
}

/** The address that responded with 410 while the app's deliveries are paused; otherwise null. */
export async function findGoneAddress(tx: Tx, appId: string): Promise<string | null> {
  const row: { gone_address: string | null } | undefined = await tx('apps').where({ id: appId }).first('gone_address')
  return row?.gone_address ?? null
}
