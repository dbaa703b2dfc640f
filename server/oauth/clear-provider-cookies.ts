import type { Response } from 'express'

/** Forgets the session of the authorization server itself, whose cookies `provider-configuration.ts` names. */
export function clearProviderCookies(res: Response): void {
  for (const name of ['latchkey_provider', 'latchkey_provider.sig'])
    res.clearCookie(name, { path: '/', httpOnly: true })
}
