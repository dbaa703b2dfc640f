import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { isOlderThan, namesAnother } from '../accounts/person-asked-for.ts'
import type { Session } from '../accounts/sessions.ts'
import { type Clock, SECOND } from '../base/clock.ts'
import { currentRequest } from './request-context.ts'

const { Check, Prompt, base } = interactionPolicy

/** The outcome of a request without a page (`prompt=none`): a grant, or the error that names the missing interaction. */
export type SilentAccess = { grantId: string } | { error: 'consent_required' | 'account_selection_required' }

export type PromptCaps = {
  clock: Clock
  /** Whether people may create accounts themselves; only then is `prompt=create` offered. */
  signUpOpen: boolean
  grantSilently(appId: string, params: Record<string, unknown>, session: Session): Promise<SilentAccess>
}

/** Values of `prompt`, for the metadata (Initiating User Registration via OpenID Connect 1.0 §4.1). */
export function promptValues({ signUpOpen }: Pick<PromptCaps, 'signUpOpen'>): string[] {
  return ['none', 'login', 'consent', 'select_account', ...(signUpOpen ? ['create'] : [])]
}

/**
 * Every request is decided by a person on the consent page, except with `prompt=none`, whose errors are decided here.
 * The steps before the decision, such as the password, are in `consent/first-step.ts`.
 */
export function promptPolicy(caps: PromptCaps): interactionPolicy.DefaultPolicy {
  const policy = base()
  const before = knownBefore(caps.clock)
  policy.clear()
  policy.add(new Prompt({ name: 'login', requestable: true }, before, ...signInChecks(caps.clock)))
  if (caps.signUpOpen) policy.add(new Prompt({ name: 'create', requestable: true }, before))
  policy.add(new Prompt({ name: 'select_account', requestable: true }, before))
  const undecided = new Check('undecided', 'the person decides about the installation', 'consent_required', ctx =>
    needsDecision(ctx, caps),
  )
  policy.add(new Prompt({ name: 'consent', requestable: true }, before, undecided))
  return policy
}

function signInChecks(clock: Clock): interactionPolicy.Check[] {
  const check = (reason: string, description: string, fails: (ctx: KoaContextWithOIDC, session: Session) => boolean) =>
    new Check(reason, description, 'login_required', ctx => {
      if (ctx.oidc.result?.login) return Check.NO_NEED_TO_PROMPT
      const session = currentRequest()?.session
      return !session || fails(ctx, session)
    })
  return [
    check('no_session', 'nobody is signed in', () => false),
    check('max_age', 'the sign-in is older than max_age', ({ oidc }, session) => {
      const maxAge = oidc.params?.['max_age']
      return maxAge !== undefined && isOlderThan(session, Number(maxAge), clock.now())
    }),
    check('other_person', 'another person than in the hint is signed in', (ctx, session) => {
      const subject = hintedSubject(ctx)
      const hint = ctx.oidc.params?.['login_hint']
      return (
        (subject !== undefined && subject !== session.user.id) ||
        (typeof hint === 'string' && ctx.oidc.prompts.has('none') && namesAnother(hint, session.user))
      )
    }),
  ]
}

async function needsDecision(ctx: KoaContextWithOIDC, caps: PromptCaps): Promise<boolean> {
  const { oidc } = ctx
  if (oidc.result?.consent?.grantId) return Check.NO_NEED_TO_PROMPT
  const session = currentRequest()?.session
  if (!oidc.prompts.has('none') || !session || !oidc.client) return Check.REQUEST_PROMPT
  const { clientId } = oidc.client
  const access = await caps.grantSilently(clientId, { ...oidc.params }, session)
  if ('error' in access) throw sentBack(access.error)
  oidc.entity('Grant', await oidc.provider.Grant.find(access.grantId))
  oidc.session?.ensureClientContainer(clientId)
  oidc.session?.grantIdFor(clientId, access.grantId)
  return Check.NO_NEED_TO_PROMPT
}

function sentBack(error: string): errors.CustomOIDCProviderError {
  return Object.assign(new errors.CustomOIDCProviderError(error, 'the request needs interaction, but prompt is none'), {
    status: 303,
    statusCode: 303,
    expose: true,
  })
}

export type KnownBefore = { session?: string | undefined; subject?: string | undefined; at?: number | undefined }

/** Stored with a waiting request: when it came, who was signed in then, and whom its `id_token_hint` names. */
function knownBefore(clock: Clock): (ctx: KoaContextWithOIDC) => KnownBefore {
  return ctx => ({ session: currentRequest()?.session?.id, subject: hintedSubject(ctx), at: clock.now() })
}

function hintedSubject({ oidc }: KoaContextWithOIDC): string | undefined {
  const hint = oidc.entities['IdTokenHint'] as { payload?: { sub?: unknown } } | undefined
  return typeof hint?.payload?.sub === 'string' ? hint.payload.sub : undefined
}

/**
 * Makes the library's session follow ours: the signed-in person, and when they proved who they are. Call it for
 * every authorization request, before anything reads that session.
 */
export function followOurSession(ctx: KoaContextWithOIDC): void {
  if (ctx.oidc.route !== 'authorization' || !ctx.oidc.session) return
  const theirs = ctx.oidc.session
  const ours = currentRequest()?.session
  if (!ours) {
    delete theirs.accountId
    delete theirs.loginTs
    return
  }
  const loginTs = Math.floor(ours.authenticatedAt / SECOND)
  if (theirs.accountId === ours.user.id && theirs.loginTs === loginTs) return
  theirs.loginAccount({ accountId: ours.user.id, loginTs, transient: true })
}
