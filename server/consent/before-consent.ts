import type { RequestHandler, Response } from 'express'
import type { Provider } from 'oidc-provider'
import type { Session } from '../accounts/sessions.ts'
import type { Clock } from '../base/clock.ts'
import { type FirstStep, firstStep, personAsked } from './first-step.ts'
import { openInteraction } from './open-interaction.ts'

/**
 * Redirects a person to steps that come before the consent page, and back. A submitted decision is interrupted only by
 * mandatory steps; a hint about another person leads to one question, before the page.
 */
export function beforeConsent(
  { provider, clock }: { provider: Provider; clock: Clock },
  sessionOf: (res: Response) => Session | undefined,
): RequestHandler {
  return async (req, res, next) => {
    const interaction = await openInteraction(provider, req, res)
    if (!interaction || req.body?.decision === 'cancel') return next()
    const session = sessionOf(res)
    const chosen = req.method === 'POST' || (session !== undefined && req.query['as'] === session.user.id)
    const step = firstStep(personAsked(interaction), session, { now: clock.now(), chosen })
    if (step === undefined) return next()
    if (step !== 'refuse') return leadTo(res, step, `/interaction/${interaction.uid}`)
    await provider.interactionFinished(req, res, {
      error: 'login_required',
      error_description: 'the person who signed in is not the one in id_token_hint',
    })
  }
}

function leadTo(res: Response, step: Exclude<FirstStep, 'refuse'>, back: string): void {
  const page = step === 'sign_up' ? '/signup' : '/signin'
  const query = new URLSearchParams({ return_to: back, ...(step.startsWith('sign') ? {} : { again: step }) })
  res.redirect(303, `${page}?${query}`)
}
