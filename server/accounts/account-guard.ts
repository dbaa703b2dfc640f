import type { Request, RequestHandler, Response } from 'express'
import type { Database, Tx } from '../../db/connect.ts'
import { AppError } from '../base/errors.ts'
import type { RenderPage } from '../http/pages.ts'
import { signedIn } from './session-guard.ts'
import { type Session, switchAccount } from './sessions.ts'

const READS = new Set(['GET', 'HEAD'])

export type SwitchAccountPage = { account: { id: string; name: string }; current: string; returnTo: string }

declare module '../http/page-parts.ts' {
  interface Pages {
    'switch-account': SwitchAccountPage
  }
}

/**
 * A link to a page of another account of the same person asks before it switches: any site can link to a page. A form of
 * such a page switches by itself, because a form comes from our own pages only. A stranger's object changes nothing.
 */
export function lookAtAccountOf(
  { database, render }: { database: Database; render: RenderPage },
  param: string,
  accountOf: (tx: Tx, id: string) => Promise<string | undefined>,
): RequestHandler {
  return async (req, res, next) => {
    const session = signedIn(res)
    const id = req.params[param]
    if (session.memberships.length < 2 || typeof id !== 'string') return next()
    const accountId = await database.look(tx => accountOf(tx, id))
    const other = session.memberships.find(({ account }) => account.id === accountId)
    if (other && other !== session.current && READS.has(req.method))
      return askToSwitch(render, req, res, session, other)
    if (other) await look(database, session, other)
    next()
  }
}

/**
 * A form that creates something acts in the account of its page, even if the person has switched in another tab since.
 * Throws `object.not_found` for a stranger's account.
 */
export function lookAtFormAccount({ database }: { database: Database }): RequestHandler {
  return async (req, res, next) => {
    const session = signedIn(res)
    const named: unknown = req.body?.account
    if (named === undefined) return next()
    const own = session.memberships.find(({ account }) => account.id === named)
    if (!own) throw new AppError('object.not_found')
    await look(database, session, own)
    next()
  }
}

function askToSwitch(
  render: RenderPage,
  req: Request,
  res: Response,
  { current }: Session,
  { account }: Session['current'],
): void {
  const page = { account, current: current.account.name, returnTo: req.originalUrl }
  render(req, res, 'switch-account', { title: `Switch to ${account.name}?` }, page)
}

async function look(database: Database, session: Session, at: Session['current']): Promise<void> {
  if (at.account.id === session.current.account.id) return
  await database.transaction(tx => switchAccount(tx, session, at.account.id))
  session.current = at
}
