import { parseCookie } from 'cookie'
import type { Request, Response } from 'express'
import { z } from 'zod'
import type { Caps } from '../base/caps.ts'
import { MINUTE } from '../base/clock.ts'
import { opaqueToken } from '../base/random.ts'

const attempt = z.object({
  state: z.string(),
  nonce: z.string(),
  codeVerifier: z.string(),
  returnTo: z.string(),
  /** Whether a fresh sign-in was asked for. */
  fresh: z.boolean(),
  at: z.number(),
})

/** A browser that was sent to the OpenID provider, and what its answer must fit. */
export type IdentityAttempt = z.infer<typeof attempt>

/** Keeps the attempt in the browser, encrypted: any process can finish it, and only this browser. */
export type IdentityCookie = {
  begin(res: Response, wanted: { returnTo: string; fresh: boolean }): IdentityAttempt
  /** The attempt of this browser, which can be read once. */
  take(req: Request, res: Response): IdentityAttempt | undefined
}

const LIFE = 60 * MINUTE
const PURPOSE = 'identity-attempt'

export function createIdentityCookie(
  { clock, random, keyring }: Pick<Caps, 'clock' | 'random' | 'keyring'>,
  publicUrl: string,
): IdentityCookie {
  const secure = publicUrl.startsWith('https:')
  const name = secure ? '__Host-latchkey_identity' : 'latchkey_identity'
  const options = { httpOnly: true, sameSite: 'lax', path: '/', secure } as const

  function open(sealed: string): IdentityAttempt | undefined {
    try {
      const read = attempt.parse(JSON.parse(keyring.decrypt(PURPOSE, name, sealed)))
      return read.at + LIFE > clock.now() ? read : undefined
    } catch {
      return undefined // not ours: as if there were none
    }
  }

  return {
    begin(res, wanted) {
      const [state, nonce, codeVerifier] = [opaqueToken(random), opaqueToken(random), opaqueToken(random)]
      const begun = { ...wanted, state, nonce, codeVerifier, at: clock.now() }
      res.cookie(name, keyring.encrypt(PURPOSE, name, JSON.stringify(begun)), { ...options, maxAge: LIFE })
      return begun
    },
    take(req, res) {
      const sealed = parseCookie(req.headers.cookie ?? '')[name]
      res.clearCookie(name, options)
      return sealed ? open(sealed) : undefined
    },
  }
}
