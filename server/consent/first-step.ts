import { CLOCK_LEEWAY } from '../accounts/fresh.ts'
import { isOlderThan, namesAnother } from '../accounts/person-asked-for.ts'
import type { Session } from '../accounts/sessions.ts'
import type { KnownBefore } from '../oauth/prompts.ts'
import type { Interaction } from './open-interaction.ts'

/** What a waiting authorization request requires of the person who decides (OpenID Connect Core §3.1.2.1). */
export type PersonAsked = KnownBefore & { prompts: ReadonlySet<string>; maxAge?: number; loginHint?: string }

/**
 * The step before a person sees the consent page:
 * - `sign_up`, `sign_in`: nobody is signed in, or the request requires a new account;
 * - `password`: the same person or another must enter a password;
 * - `choice`: the signed-in person confirms or chooses who they are;
 * - `refuse`: they signed in for this request, and `id_token_hint` names another person.
 */
export type FirstStep = 'sign_up' | 'sign_in' | 'password' | 'choice' | 'refuse'

/**
 * The next step before the decision; undefined if there is none. `chosen`: the signed-in person has confirmed who they
 * are.
 */
export function firstStep(
  asked: PersonAsked,
  session: Session | undefined,
  { now, chosen }: { now: number; chosen: boolean },
): FirstStep | undefined {
  const { prompts, maxAge, subject, loginHint, at = 0 } = asked
  if (!session) return prompts.has('create') ? 'sign_up' : 'sign_in'
  const since = session.id !== asked.session // signing in makes a new session
  const fresh = since && session.authenticatedAt >= at - CLOCK_LEEWAY // an operator's page may sign in who signed in there long ago
  const other = subject !== undefined && subject !== session.user.id
  if (fresh) return other ? 'refuse' : undefined
  if (prompts.has('login') || other) return 'password'
  if (maxAge !== undefined && isOlderThan(session, maxAge, now)) return 'password'
  if (chosen || since) return undefined
  if (prompts.has('create')) return 'sign_up'
  return prompts.has('select_account') || namesAnother(loginHint, session.user) ? 'choice' : undefined
}

export function personAsked({ params, prompt }: Interaction): PersonAsked {
  const text = (name: string) => (typeof params[name] === 'string' ? params[name] : undefined)
  const [maxAge, loginHint] = [text('max_age'), text('login_hint')]
  return {
    ...(prompt.details as KnownBefore),
    prompts: new Set(text('prompt')?.split(' ') ?? []),
    ...(maxAge !== undefined && { maxAge: Number(maxAge) }),
    ...(loginHint !== undefined && { loginHint }),
  }
}
