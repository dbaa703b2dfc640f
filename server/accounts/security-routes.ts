import { type Request, type Response, Router } from 'express'
import { idParam } from '../http/request.ts'
import {
  addAuthenticatorByForm,
  askForAuthenticator,
  removeAuthenticatorByForm,
  renewRecoveryCodesByForm,
} from './authenticator-handlers.ts'
import { changePasswordByForm } from './change-password-handlers.ts'
import { doingOf } from './doing-guard.ts'
import { endSessions } from './end-sessions.ts'
import { requireSession, signedIn } from './session-guard.ts'
import { showSecurity } from './show-security.ts'
import type { AccountCaps } from './sign-in-handlers.ts'

/** How a person signs in, and where they are signed in. */
export function securityRoutes(caps: AccountCaps): Router {
  const router = Router()
  router.use('/settings/security', requireSession)
  router.get('/settings/security', (req, res) => showSecurity(caps, req, res))
  router.post('/settings/security/password', (req, res) => changePasswordByForm(caps, req, res))
  router.post('/settings/security/sessions/end', (req, res) =>
    end(caps, req, res, { except: signedIn(res).id }, 'sessions'),
  )
  router.post('/settings/security/sessions/:session/end', (req, res) =>
    end(caps, req, res, { only: idParam(req, 'session', 'sess') }, 'session'),
  )
  router.get('/settings/security/authenticator', (req, res) => askForAuthenticator(caps, req, res))
  router.post('/settings/security/authenticator', (req, res) => addAuthenticatorByForm(caps, req, res))
  router.post('/settings/security/authenticator/remove', (req, res) => removeAuthenticatorByForm(caps, req, res))
  router.post('/settings/security/recovery-codes', (req, res) => renewRecoveryCodesByForm(caps, req, res))
  return router
}

async function end(
  caps: AccountCaps,
  req: Request,
  res: Response,
  which: Parameters<typeof endSessions>[2]['which'],
  done: string,
): Promise<void> {
  await caps.database.transaction(tx => endSessions(tx, caps, { ...doingOf(req, res), which }))
  res.redirect(303, `/settings/security?done=${done}`)
}
