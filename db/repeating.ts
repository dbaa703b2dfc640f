import { DatabaseAway } from '../server/base/errors.ts'
import { isAway, isConflict, isLost } from './away.ts'

/** The progress of an attempt at a transaction, and the error of its work, which a failing ROLLBACK would hide. */
export type Progress = { committing: boolean; failure: unknown }

const MOST_TRIES = 4

/**
 * Retries a transaction if that is safe: nothing of it was committed, and the cause is temporary. Either two transactions
 * conflicted, or the connection led to a server that is gone or read-only; the next attempt gets another one. Once COMMIT was
 * sent the outcome is unknown, and nothing is retried. The transaction must have no effect outside the database. Throws
 * `DatabaseAway` if the database is unavailable.
 */
export async function repeating<Result>(attempt: (progress: Progress) => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    const progress: Progress = { committing: false, failure: undefined }
    try {
      return await attempt(progress)
    } catch (thrown) {
      const error = [thrown, progress.failure].find(isAway) ?? thrown
      const again = isConflict(error) || (isLost(error) && !progress.committing)
      if (again && tries < MOST_TRIES) continue
      throw isAway(error) && !(error instanceof DatabaseAway) ? new DatabaseAway(error) : error
    }
  }
}
