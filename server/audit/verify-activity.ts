import type { KeyObject } from 'node:crypto'
import type { Tx } from '../../db/connect.ts'
import { hashEntry, keepsCommitment, sealHead, wasErased } from './activity-chain.ts'
import { type ActivityRow, type Head, listHeadless, listHeads, readChain } from './activity-store.ts'
import { TAMPERED } from './record-activity.ts'

const BATCH = 500
/** The smallest value of the column, so that no entry can be hidden before the first. */
const LEAST = -(2 ** 31)

/** The entry of a chain at a checkpoint. */
export type KnownEntry = { account_id: string; number: number; hash: string }

export type ChainProof = {
  accounts: number
  entries: number
  /** Entries whose personal values were erased. */
  erased: number
  /** For each account the first entry at which the log is altered. */
  broken: { account_id: string; number: number }[]
}

/**
 * Verifies every chain from its beginning; an altered, removed or inserted entry is reported by its number. `known` are
 * entries of checkpoints: they reveal a chain that was truncated before them or rewritten, even with our keys.
 */
export async function verifyActivity(tx: Tx, key: KeyObject, known: readonly KnownEntry[] = []): Promise<ChainProof> {
  const expected = Map.groupBy(known, ({ account_id }) => account_id)
  const proof: ChainProof = { accounts: 0, entries: 0, erased: 0, broken: [] }
  for (let after = ''; ; ) {
    const heads = await listHeads(tx, after, BATCH)
    for (const head of heads) {
      await verifyChain(tx, key, head, expected.get(head.account_id) ?? [], proof)
      expected.delete(head.account_id)
    }
    const last = heads.at(-1)
    if (!last) break
    after = last.account_id
  }
  const headless = new Set([...(await listHeadless(tx)), ...expected.keys()])
  for (const account_id of headless) proof.broken.push({ account_id, number: 1 })
  proof.broken.sort((one, other) => (one.account_id < other.account_id ? -1 : 1))
  return proof
}

async function verifyChain(
  tx: Tx,
  key: KeyObject,
  head: Head & { account_id: string },
  known: readonly KnownEntry[],
  proof: ChainProof,
): Promise<void> {
  const end = await walk(tx, key, head.account_id, known)
  proof.accounts += 1
  proof.entries += end.number
  proof.erased += end.erased
  const missing = known.filter(({ number }) => number > end.number).map(() => end.number + 1)
  const faults = [end.broken, faultAtEnd(key, end, head), ...missing].filter(number => number !== undefined)
  if (faults.length > 0) proof.broken.push({ account_id: head.account_id, number: end.broken ?? Math.min(...faults) })
}

/** Entries that were removed or added at the end, or a head that was written without the key. */
function faultAtEnd(key: KeyObject, end: Walked, head: Head & { account_id: string }): number | undefined {
  if (end.broken !== undefined) return undefined
  if (end.number !== head.number) return Math.min(end.number, head.number) + 1
  if (end.hash !== head.hash) return end.number
  return head.number > 0 && head.seal !== sealHead(key, head.account_id, head) ? head.number + 1 : undefined
}

type Walked = { number: number; hash: string; erased: number; broken?: number }

async function walk(tx: Tx, key: KeyObject, accountId: string, known: readonly KnownEntry[]): Promise<Walked> {
  const hashes = new Map(known.map(({ number, hash }) => [number, hash]))
  let end: Walked = { number: 0, hash: '', erased: 0 }
  for (let from = LEAST; ; from = end.number + 1) {
    const rows = await readChain(tx, accountId, from, BATCH)
    for (const row of rows) {
      const next = end.number + 1
      if (row.number !== next || !follows(key, end.hash, row, hashes.get(next)))
        return { ...end, broken: Math.min(row.number, next) }
      end = { number: row.number, hash: row.hash, erased: end.erased + (wasErased(row) ? 1 : 0) }
    }
    if (rows.length < BATCH) return end
  }
}

function follows(key: KeyObject, previous: string, row: ActivityRow, known: string | undefined): boolean {
  if (row.hash !== hashEntry(key, previous, row) || !keepsCommitment(row)) return false
  return row.what !== TAMPERED && (known === undefined || known === row.hash)
}
