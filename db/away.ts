import { DatabaseAway } from '../server/base/errors.ts'

/**
 * PostgreSQL, Appendix A: connection exceptions (08), insufficient resources (53), operator intervention (57) and system errors
 * (58); a read-only server (25006); a lock or transaction timeout (55P03, 25P03, 25P04).
 */
const POSTGRES_AWAY = /^(?:08|53|57|58)[0-9A-Z]{3}$|^(?:25006|25P03|25P04|55P03)$/
/** The server is gone, shutting down or read-only; another one may have its address. Nothing was committed. */
const POSTGRES_LOST = /^08[0-9A-Z]{3}$|^(?:25006|57P0[1-5])$/
const NETWORK =
  /^E(?:CONN(?:REFUSED|RESET|ABORTED)|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH|NETDOWN|MFILE)$/
/** Messages without a code from the PostgreSQL driver and from knex's pool; knex prefixes them with the statement. */
const LOST_MESSAGE =
  /Connection terminated|Client has encountered a connection error|Client was closed and is not queryable/
const AWAY_MESSAGE = /Query read timeout|timeout expired|Unable to acquire a connection|^aborted$/
const SQLITE_AWAY = /^SQLITE_(?:BUSY|LOCKED|READONLY|IOERR|FULL|CANTOPEN|PROTOCOL|NOMEM|PERM|CORRUPT|NOTADB)$/
/** After reopening, the file or its folder may be usable again. */
const SQLITE_LOST = /^SQLITE_(?:READONLY|IOERR|CANTOPEN|CORRUPT|NOTADB)$/

/** Whether an error of a driver or the pool means that the database is unavailable. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof DatabaseAway || error.name === 'KnexTimeoutError') return true
  const code = codeOf(error)
  const coded = [POSTGRES_AWAY, NETWORK, SQLITE_AWAY].some(codes => codes.test(code))
  return coded || AWAY_MESSAGE.test(error.message) || LOST_MESSAGE.test(error.message)
}

/** Whether an error means that its connection is unusable, and with it all that were opened before. */
export function isLost(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof DatabaseAway) return false
  const code = codeOf(error)
  if (POSTGRES_LOST.test(code) || SQLITE_LOST.test(code)) return true
  return /^E(?:CONNRESET|PIPE)$/.test(code) || LOST_MESSAGE.test(error.message)
}

/** Whether a statement timed out: the server may be gone without closing the connection. */
export function isUnanswered(error: unknown): error is Error {
  return error instanceof Error && error.message === 'Query read timeout'
}

/** PostgreSQL ended one of two deadlocked transactions (40P01) or could not serialize it (40001). */
export function isConflict(error: unknown): boolean {
  return error instanceof Error && ['40P01', '40001'].includes(codeOf(error))
}

/** Whether the server is read-only. */
export function isReadOnly(error: unknown): error is Error {
  return error instanceof Error && ['25006', 'SQLITE_READONLY'].includes(codeOf(error))
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : ''
}
