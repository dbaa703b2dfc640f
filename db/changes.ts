import type { Knex } from 'knex'

/**
 * What others must learn once a transaction has committed: deliveries, mails or batch jobs may be due; deliveries of an installation
 * were cancelled; one key (by its hash), the keys of an installation or of an app, or a verifier key verify differently from
 * now on; there is a new signing key; or anything may have changed, because some changes may have been missed.
 */
export type Change =
  | 'anything'
  | 'deliveries'
  | `cancelled:${string}`
  | 'mails'
  | 'leak-reports'
  | 'jobs'
  | 'signing-keys'
  | 'verifiers'
  | `key:${string}`
  | `installation:${string}`
  | `app:${string}`

/** The parts of a change: its kind and, after a colon, which key, installation or app it is about; empty for none. */
export function partsOf(change: Change): { kind: string; id: string } {
  const [kind = '', id = ''] = change.split(':')
  return { kind, id }
}

export type Hear = (change: Change) => void

/** Tells what this process and others have committed. */
export type ChangeFeed = Follower & {
  /** Changes of this process are heard before its `transaction` resolves, those of others as soon as they arrive. */
  listen(hear: Hear): void
  /** Tells at each change whether what others commit is heard; nothing if that was never in doubt. */
  watch(tell: (connected: boolean) => void): void
}

/** Callbacks of a follower. */
export type FollowerNews = { hear: Hear; connected(now: boolean): void }

/** What follows the commits of other processes. */
export type Follower = {
  /**
   * Whether every change committed a second ago has been received, according to the proofs. Calls keep the proofs
   * coming; an unused feed sends none.
   */
  fresh(): boolean
  /** Whether what others commit is heard without asking, as far as was found out. */
  connected(): boolean
  /**
   * Follows the commits of other processes until `stop`. Resolves once it is known whether they are received; keeps
   * trying.
   */
  start(): Promise<void>
  stop(): Promise<void>
  /** Reconnects: another server may have the address by now. */
  doubt(): void
}

/** Forwards the callbacks of a follower. */
export function createNews(): FollowerNews & Pick<ChangeFeed, 'listen' | 'watch'> {
  const [listeners, watchers]: [Hear[], ((now: boolean) => void)[]] = [[], []]
  let last = true
  return {
    listen: listener => void listeners.push(listener),
    watch: watcher => void watchers.push(watcher),
    hear(change) {
      for (const listener of listeners) listener(change)
    },
    connected(now) {
      if (now === last) return
      last = now
      for (const watcher of watchers) watcher(now)
    },
  }
}

/** How long after it was asked for a proof counts. docs/rules.md 3.2 gives a second; the rest is for the work on the way. */
export const PROOF_MS = 900
/** How often a proof is requested while one is in use, and otherwise. */
export const BEAT_MS = 200
export const IDLE_BEAT_MS = 15_000
/** How long after the last question a feed falls quiet. */
export const ATTENTION_MS = 5_000

const announced = new WeakMap<Knex.Transaction, Set<Change>>()

/** Says in an open transaction what others must learn when it commits; if it does not, they learn nothing. */
export function announce(tx: Knex.Transaction, change: Change): void {
  const changes = announced.get(tx)
  if (!changes) throw new Error('a change can only be announced in a transaction that writes')
  changes.add(change)
}

/** Runs `work` and, as the last thing inside the transaction, hands what it announced to `publish`. */
export async function gathering<Result>(
  tx: Knex.Transaction,
  work: (tx: Knex.Transaction) => Promise<Result>,
  publish: (changes: readonly Change[]) => Promise<void>,
): Promise<Result> {
  const gathered = new Set<Change>()
  announced.set(tx, gathered)
  const result = await work(tx)
  announced.delete(tx)
  if (gathered.size > 0) await publish([...gathered])
  return result
}
