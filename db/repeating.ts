import { DatabaseAway } from '../server/base/errors.ts'
import { isAway, isConflict, isLost } from './away.ts'

/** How far an attempt at a transaction has come, and what its work has thrown, which a failing ROLLBACK would hide. */
export type Progress = { committing: boolean; failure: unknown }

const MOST_TRIES = 4

/**
 * Does a transaction again where that is safe: nothing of it was committed, and the reason lies in the moment. Either two
 * transactions were in each other's way, or the connection turned out to lead to a server that has gone or writes no more;
 * the next attempt gets another one. Once COMMIT is on its way nobody knows, and nothing is done twice. Nothing in the
 * transaction may reach outside the database. Throws `DatabaseAway` if the database is.
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
