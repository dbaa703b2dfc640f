import type { RequestHandler } from 'express'
import type { Database, Tx } from '../../db/connect.ts'
import { switchAccount } from '../accounts/sessions.ts'
import { signedIn } from './session.ts'

/**
 * A page or form of another account of the same person looks at that account from here on: after an install in it, or from
 * a tab that was opened before they changed it. A stranger's object changes nothing.
 */
export function lookAtAccountOf(
  { database }: { database: Database },
  param: string,
  accountOf: (tx: Tx, id: string) => Promise<string | undefined>,
): RequestHandler {
  return async (req, res, next) => {
    const session = signedIn(res)
    const id = req.params[param]
    if (session.memberships.length < 2 || typeof id !== 'string') return next()
    const accountId = await database.read(tx => accountOf(tx, id))
    const other = session.memberships.find(({ account }) => account.id === accountId)
    if (other && other.account.id !== session.current.account.id) {
      await database.transaction(tx => switchAccount(tx, session, other.account.id))
      session.current = other
    }
    next()
  }
}
