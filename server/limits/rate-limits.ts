import type { Database } from '../../db/connect.ts'
import type { Clock } from '../base/clock.ts'
import { SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { hashSecret } from '../base/secret-format.ts'
import { LIMITS, type Limit, type LimitName } from './limits.ts'
import { deleteCounter, drawPoints } from './rate-limit-store.ts'

/** One point of a limit, for the caller that `key` names. */
export type Spending = readonly [name: LimitName, key: string]

export type RateLimits = {
  /** Takes one point of each limit in order, and stops at the first without points. Throws `request.rate_limited`. */
  spend(...asked: Spending[]): Promise<void>
  /** Like `spend` of one, but returns whether a point was left. */
  trySpend(name: LimitName, key: string): Promise<boolean>
  /** Throws `request.rate_limited` if this process knows that no points are left. Spends none and does not query the database. */
  requireLeft(name: LimitName, key: string): void
  /** Gives one point back, to this process. */
  giveBack(name: LimitName, key: string): void
  /** Resets the counter, after a success. */
  forgive(name: LimitName, key: string): Promise<void>
}

/** The points that this process has drawn from the shared counter and not spent, and how many are left there. */
type Purse = { left: number; remaining: number; endsAt: number }

/**
 * A window that ends later than this many windows from now was written by a clock that was ahead; it counts as ended.
 */
const LONGEST_WINDOW = 2
/** Callers that this process caches; others are looked up in the database. */
const MOST_PURSES = 20_000

/**
 * Limits that all processes on one database share: the counter is a row (`rate_limits`). A process draws points in blocks
 * (`Limit.block`), fewer as they run out, so that a busy caller costs one short write in many calls, and a caller that has
 * none left costs none. Points are counted when they are drawn: a limit is never exceeded, and points that another process
 * has drawn may go unused. `on: false` lifts every limit (RATE_LIMITS).
 */
export function createRateLimits(on: boolean, { database, clock }: { database: Database; clock: Clock }): RateLimits {
  const purses = createPurses(clock)
  const idOf = ([name, key]: Spending): string => `${name}:${hashSecret(key).slice(0, 32)}`
  const draw = createDrawing(database, clock, purses)

  async function spendOne([name, key]: Spending): Promise<void> {
    const id = idOf([name, key])
    for (;;) {
      requireLeft(name, key)
      const purse = purses.current(id, LIMITS[name])
      if (purse && purse.left > 0) {
        purse.left -= 1
        return
      }
      await draw(name, id)
    }
  }

  async function spend(...asked: Spending[]): Promise<void> {
    if (!on) return
    for (const [name, key] of asked) requireLeft(name, key)
    for (const spending of asked) await spendOne(spending)
  }

  function requireLeft(name: LimitName, key: string): void {
    const purse = on ? purses.current(idOf([name, key]), LIMITS[name]) : undefined
    if (purse && purse.left === 0 && purse.remaining <= 0) throw refusal(purse, clock)
  }

  return {
    spend,
    requireLeft,
    trySpend: (name, key) => succeeds(spend([name, key])),
    giveBack(name, key) {
      const purse = on ? purses.current(idOf([name, key]), LIMITS[name]) : undefined
      if (purse) purse.left += 1
    },
    async forgive(name, key) {
      if (!on) return
      const id = idOf([name, key])
      purses.forget(id)
      await database.relaxed(tx => deleteCounter(tx, id))
    },
  }
}

/** `request.rate_limited`, with the seconds until the window ends. */
function refusal({ endsAt }: Purse, clock: Clock): AppError {
  const seconds = Math.ceil((endsAt - clock.now()) / SECOND)
  return new AppError('request.rate_limited', { retryAfter: Math.max(1, seconds) })
}

/** Returns false if no points are left. */
async function succeeds(spending: Promise<void>): Promise<boolean> {
  try {
    await spending
    return true
  } catch (error) {
    if (error instanceof AppError && error.code === 'request.rate_limited') return false
    throw error
  }
}

type Purses = ReturnType<typeof createPurses>

/** The purses of the most recent callers. */
function createPurses(clock: Clock) {
  const purses = new Map<string, Purse>()

  /** The purse of the current window. */
  function current(id: string, { seconds }: Limit): Purse | undefined {
    const purse = purses.get(id)
    const now = clock.now()
    return purse && purse.endsAt > now && purse.endsAt <= now + LONGEST_WINDOW * seconds * SECOND ? purse : undefined
  }

  function keep(id: string, purse: Purse): void {
    purses.delete(id)
    purses.set(id, purse)
    const [oldest] = purses.size > MOST_PURSES ? purses.keys() : []
    if (oldest !== undefined) purses.delete(oldest)
  }

  return { current, keep, get: (id: string) => purses.get(id), forget: (id: string) => void purses.delete(id) }
}

/** Reserves points from the shared counter, one request per caller at a time: those that waited may find points, or none. */
function createDrawing(database: Database, clock: Clock, purses: Purses) {
  const draws = new Map<string, Promise<void>>()

  async function draw(name: LimitName, id: string): Promise<void> {
    const limit: Limit = LIMITS[name]
    const remaining = purses.current(id, limit)?.remaining ?? limit.points
    const want = Math.max(1, Math.min(limit.block ?? 1, Math.floor(remaining / 8)))
    const { spent, endsAt } = await database.relaxed(tx => {
      const at = clock.now()
      const ends = { endsAt: at + limit.seconds * SECOND, latest: at + LONGEST_WINDOW * limit.seconds * SECOND }
      return drawPoints(tx, { id, want, at, ...ends })
    })
    const granted = Math.max(0, Math.min(want, limit.points - (spent - want)))
    const known = purses.get(id)
    const left = granted + (known?.endsAt === endsAt ? known.left : 0)
    purses.keep(id, { left, remaining: Math.max(0, limit.points - spent), endsAt })
  }

  return (name: LimitName, id: string): Promise<void> => {
    let drawing = draws.get(id)
    if (!drawing) {
      drawing = draw(name, id).finally(() => draws.delete(id))
      draws.set(id, drawing)
    }
    return drawing
  }
}
