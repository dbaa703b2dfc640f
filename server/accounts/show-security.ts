import type { Request, Response } from 'express'
import type { Tx } from '../../db/connect.ts'
import type { FieldFault } from '../http/page-parts.ts'
import { findPasswordHash } from './account-store.ts'
import { countRecoveryCodes, findAuthenticator } from './authenticator-store.ts'
import { type SecurityData, securityFlash, securityPage } from './security-page.ts'
import { signedIn } from './session-guard.ts'
import { listSessionsOf } from './session-store.ts'
import { IDLE_LIFE } from './sessions.ts'
import type { AccountCaps } from './sign-in-handlers.ts'

/** Shows how a person signs in, with the faults of a form that was refused. */
export async function showSecurity(
  caps: AccountCaps,
  req: Request,
  res: Response,
  faults: FieldFault[] = [],
): Promise<void> {
  const { user, id: sessionId } = signedIn(res)
  const at = caps.clock.now()
  const data = await caps.database.look(async tx => ({
    authenticator: await authenticatorOf(tx, user.id),
    email: user.email,
    hasPassword: caps.config.people.passwords && (await findPasswordHash(tx, user.id)) !== '',
    sessions: await listSessionsOf(tx, user.id, { at, seenAfter: at - IDLE_LIFE }),
    sessionId,
  }))
  const flash = faults.length === 0 ? securityFlash(req.query['done']) : undefined
  const status = faults.length > 0 ? 422 : 200
  const options = { title: 'Security', nav: 'security' as const, status, ...(flash && { flash }) }
  caps.render(req, res, 'security', options, securityPage(data, faults, at))
}

async function authenticatorOf(tx: Tx, userId: string): Promise<SecurityData['authenticator']> {
  const row = await findAuthenticator(tx, userId)
  return row && { createdAt: row.created_at, codesLeft: await countRecoveryCodes(tx, userId) }
}
