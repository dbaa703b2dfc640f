import type { Tx } from '../../db/connect.ts'
import { type Head, listHeadless, listHeads, readChain } from './activity-store.ts'
import { hashLink } from './record-activity.ts'

const BATCH = 500
/** The least number that the column can hold, so that no entry hides in front of the first. */
const LEAST = -(2 ** 31)

export type ChainProof = { accounts: number; entries: number; broken: { account_id: string; number: number }[] }

/** Reads every chain from its beginning; an altered, removed or inserted entry shows at its number. */
export async function verifyActivity(tx: Tx): Promise<ChainProof> {
  const heads = await listHeads(tx)
  const proof: ChainProof = { accounts: heads.length, entries: 0, broken: [] }
  for (const head of heads) {
    const end = await walk(tx, head.account_id)
    proof.entries += end.number
    const broken = end.broken ?? faultAtEnd(end, head)
    if (broken !== undefined) proof.broken.push({ account_id: head.account_id, number: broken })
  }
  for (const account_id of await listHeadless(tx)) proof.broken.push({ account_id, number: 1 })
  return proof
}

/** Entries that were cut off or put on at the end, or a last one that was written anew, hash and all. */
function faultAtEnd(end: Head, head: Head): number | undefined {
  if (end.number !== head.number) return Math.min(end.number, head.number) + 1
  return end.hash === head.hash ? undefined : end.number
}

async function walk(tx: Tx, accountId: string): Promise<{ number: number; hash: string; broken?: number }> {
  let end = { number: 0, hash: '' }
  for (let from = LEAST; ; from = end.number + 1) {
    const rows = await readChain(tx, accountId, from, BATCH)
    for (const row of rows) {
      const next = end.number + 1
      if (row.number !== next || row.hash !== hashLink(end.hash, row))
        return { ...end, broken: Math.min(row.number, next) }
      end = { number: row.number, hash: row.hash }
    }
    if (rows.length < BATCH) return end
  }
}
