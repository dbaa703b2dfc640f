import { partsOf } from '../../db/changes.ts'
import type { Database } from '../../db/connect.ts'
import { type Clock, realElapsed } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { hashSecret, isWellFormedSecret } from '../base/secret-format.ts'
import { type KeyRecord, type Question, type RefusalCode, refusalOf, validVerdict } from './judge-key.ts'
import { findKeyByHash } from './key-record-store.ts'
import { createRecordCache } from './record-cache.ts'
import type { UsageRecorder } from './usage-recorder.ts'
import { listVerifierHashes } from './verifier-store.ts'

/** Copies that a process keeps: a key takes about a kilobyte. */
const MOST_KEYS = 100_000
/** Verifier keys are few: all of them are one copy, under this name, so that a made-up one costs no database lookup. */
const ALL = 'all'
/** Strings that are no key: how many are cached, and for how many milliseconds. */
const MOST_UNKNOWN = 20_000
const UNKNOWN_FOR = 5_000
const PATIENCE = 5_000
/** One of this many responses is logged, with the counts of all. */
const ANSWERS_PER_LINE = 100_000

/** The number of responses of this process since its start. */
export type VerificationCounts = { valid: number } & { [code in RefusalCode]?: number }

/**
 * Verifies presented keys from memory. A copy is trusted only while the change feed proves that nothing was missed
 * (docs/rules.md 3.2); otherwise the database is read, and if that fails, every key is refused.
 */
export type Verification = {
  /** Whether a bearer token is a verifier key. */
  knowsVerifier(token: string): boolean | Promise<boolean>
  /** The verdict as JSON; that of a valid key is serialized once for each copy. */
  verify(key: string, question: Question): string | Promise<string>
  counts: Readonly<VerificationCounts>
  /** The number of cached keys. */
  copies(): number
}

/** The verdict of a valid key, serialized once. */
type CopiedKey = KeyRecord & { valid?: string }

export function createVerification({
  database,
  clock,
  usage,
  log,
}: {
  database: Database
  clock: Clock
  usage: UsageRecorder
  log: Log
}): Verification {
  const { keys, verifiers } = createCopies(database)
  let lastVerifier = { token: '', hash: '' } // a resource server sends the same verifier key with every call: it is hashed once
  const { counts, count } = createCounts(log, keys)
  function refuse(code: RefusalCode): string {
    count(code)
    return JSON.stringify({ valid: false, code })
  }

  function decide(key: CopiedKey | undefined, question: Question): string {
    if (!key) return refuse('not_found')
    const code = refusalOf(key, question, clock.now())
    if (code !== undefined) return refuse(code)
    count('valid')
    usage.note(key.id, question.ip, question.permission)
    key.valid ??= JSON.stringify(validVerdict(key))
    return key.valid
  }

  return {
    counts,
    copies: () => keys.size,
    knowsVerifier(token) {
      if (token !== lastVerifier.token) {
        if (!isWellFormedSecret(token)) return false
        lastVerifier = { token, hash: hashSecret(token) }
      }
      const { hash } = lastVerifier
      const all = verifiers.lookup(ALL)
      return all instanceof Promise ? all.then(late => late?.has(hash) ?? false) : (all?.has(hash) ?? false)
    },
    verify(key, question) {
      if (!isWellFormedSecret(key)) return refuse('malformed')
      const found = keys.lookup(hashSecret(key))
      return found instanceof Promise ? found.then(record => decide(record, question)) : decide(found, question)
    },
  }
}

/** Counts answers, and logs the counts now and then. */
function createCounts(log: Log, keys: { readonly size: number }) {
  const counts: VerificationCounts = { valid: 0 }
  let answers = 0

  function count(what: keyof VerificationCounts): void {
    counts[what] = (counts[what] ?? 0) + 1
    answers += 1
    if (answers % ANSWERS_PER_LINE === 0) log.info({ answers, ...counts, copies: keys.size }, 'keys were verified')
  }

  return { counts, count }
}

/** The cached copies of this process, which drop what has changed. */
function createCopies(database: Database) {
  const { changes } = database
  const shared = {
    trusted: () => changes.fresh(),
    elapsed: realElapsed,
    mostUnknown: MOST_UNKNOWN,
    unknownFor: UNKNOWN_FOR,
  }
  const keys = createRecordCache<CopiedKey>({
    ...shared,
    most: MOST_KEYS,
    groups: [key => key.installationId, key => key.appId],
    load: hash => inTime(database.look(tx => findKeyByHash(tx, hash))),
  })
  const verifiers = createRecordCache<ReadonlySet<string>>({
    ...shared,
    most: 2,
    load: () => inTime(database.look(async tx => new Set(await listVerifierHashes(tx)))),
  })
  changes.listen(change => {
    const { kind, id } = partsOf(change)
    if (kind === 'anything') keys.forgetAll()
    if (kind === 'anything' || kind === 'verifiers') verifiers.forgetAll()
    if (kind === 'key') keys.forget(id)
    if (kind === 'installation' || kind === 'app') keys.forgetGroup(id)
  })
  return { keys, verifiers }
}

/** A database that does not respond must not delay every call of every resource server. */
async function inTime<Found>(reading: Promise<Found>): Promise<Found> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the database does not answer')), PATIENCE)
  })
  try {
    return await Promise.race([reading, late])
  } catch (cause) {
    throw new AppError('service.unavailable', { cause, retryAfter: 1 })
  } finally {
    clearTimeout(timer)
  }
}
