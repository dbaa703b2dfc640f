import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { parseInput } from '../http/parse.ts'
import { clientAddress, safeReturn } from '../http/request.ts'
import { followSignInLink, handOver, openSignInLink } from './hand-over-handlers.ts'
import { beginIdentity, finishIdentity } from './identity-handlers.ts'
import { askToSignIn, signInByForm } from './password-sign-in-handlers.ts'
import { signInByCode } from './second-factor-handlers.ts'
import { requireSession, signedIn } from './session-guard.ts'
import { endSession, switchAccount } from './sessions.ts'
import type { AccountCaps } from './sign-in-handlers.ts'
import { askToSignUp, signUpByForm } from './sign-up-handlers.ts'

/** Sign-up, sign-in, sign-out, and switching accounts. */
export function accountRoutes(caps: AccountCaps): Router {
  const router = Router()
  router.get('/signup', (req, res) => askToSignUp(caps, req, res))
  router.post('/signup', (req, res) => signUpByForm(caps, req, res))
  router.get('/signin', (req, res) => askToSignIn(caps, req, res))
  router.post('/signin', (req, res) => signInByForm(caps, req, res))
  router.get('/signin/code', (_req, res) => res.redirect(303, '/signin'))
  router.post('/signin/code', (req, res) => signInByCode(caps, req, res))
  router.get('/signin/hand-over', (req, res) => handOver(caps, req, res))
  router.get('/signin/link', (req, res) => openSignInLink(caps, req, res))
  router.post('/signin/link', (req, res) => followSignInLink(caps, req, res))
  router.get('/signin/identity', (req, res) => beginIdentity(caps, req, res))
  router.get('/signin/callback', (req, res) => finishIdentity(caps, req, res))
  router.post('/signout', (req, res) => signOut(caps, req, res))
  router.post('/account', requireSession, (req, res) => lookAtAccount(caps, req, res))
  return router
}

async function signOut(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const token = caps.sessionCookie.read(req)
  if (token) await caps.database.transaction(tx => endSession(tx, caps, token, clientAddress(req)))
  caps.sessionCookie.clear(res)
  caps.clearProviderCookies(res)
  res.redirect(303, caps.config.people.passwords ? '/signin' : '/signin?signed_out')
}

async function lookAtAccount(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  const { account, return_to } = parseInput(
    z.object({ account: z.string(), return_to: z.string().optional() }),
    req.body,
  )
  await caps.database.transaction(tx => switchAccount(tx, signedIn(res), account))
  res.redirect(303, safeReturn(return_to, caps.config.publicUrl, '/apps'))
}
