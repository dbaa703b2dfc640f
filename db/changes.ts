import type { Knex } from 'knex'

/**
 * What other processes must know after a commit: deliveries, mails or batch jobs may be due; deliveries of an installation were
 * cancelled; verification results changed for one key (by its hash), the keys of an installation or of an app, or a verifier
 * key; there is a new signing key; or anything may have changed, because some changes may have been missed.
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

/** Publishes the commits of this process and others. */
export type ChangeFeed = Follower & {
  /** Listeners receive this process's changes before its `transaction` resolves, and those of others as soon as they arrive. */
  listen(hear: Hear): void
  /** Calls `tell` whenever the connection to other processes' commits is lost or restored; never if it cannot be lost. */
  watch(tell: (connected: boolean) => void): void
}

/** Callbacks of a follower. */
export type FollowerNews = { hear: Hear; connected(now: boolean): void }

/** Follows the commits of other processes. */
export type Follower = {
  /**
   * Whether every change committed a second ago has been received, according to the proofs. Calling it keeps the proofs coming;
   * an unused feed sends none.
   */
  fresh(): boolean
  /** Whether changes arrive without polling, as far as is known. */
  connected(): boolean
  /**
   * Follows the commits of other processes until `stop`. Resolves once it is known whether they are received; keeps trying
   * after that.
   */
  start(): Promise<void>
  stop(): Promise<void>
  /** Reconnects, because another server may have the address now. */
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

/** How long a proof counts, from its request. docs/rules.md 3.2 allows a second; the rest is for processing. */
export const PROOF_MS = 900
/** How often a proof is requested while `fresh` is in use, and otherwise. */
export const BEAT_MS = 200
export const IDLE_BEAT_MS = 15_000
/** How long after the last call of `fresh` a feed stops requesting proofs. */
export const ATTENTION_MS = 5_000

const announced = new WeakMap<Knex.Transaction, Set<Change>>()

/** Announces a change in an open transaction; it is published only if the transaction commits. */
export function announce(tx: Knex.Transaction, change: Change): void {
  const changes = announced.get(tx)
  if (!changes) throw new Error('a change can only be announced in a transaction that writes')
  changes.add(change)
}

/** Runs `work`, then passes the changes it announced to `publish` as the last step of the transaction. */
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
