import { parseCookie } from 'cookie'
import type { Request, Response } from 'express'
import type { Clock } from '../base/clock.ts'
import { MINUTE } from '../base/clock.ts'
import { opaqueToken, type Random } from '../base/random.ts'
import { hashSecret } from '../base/secret-format.ts'

/** A browser that was sent to the operator's sign-in page. */
export type HandOver = { state: string; at: number; reauthenticate: boolean }

/** Remembers in the browser with which `state` it was sent away, so that a link signs in nobody else's browser. */
export type HandOverCookie = {
  begin(req: Request, res: Response, reauthenticate: boolean): string
  /** The hand-over of this browser whose state has this hash. */
  find(req: Request, stateHash: string | undefined): HandOver | undefined
  end(req: Request, res: Response, state: string): void
}

/** How long somebody may take to sign in at the operator's page. */
const LIFE = 60 * MINUTE
/** Tabs that wait at once; the oldest is dropped. */
const MOST = 5

export function createHandOverCookie(
  { clock, random }: { clock: Clock; random: Random },
  publicUrl: string,
): HandOverCookie {
  const secure = publicUrl.startsWith('https:')
  const name = secure ? '__Host-latchkey_handover' : 'latchkey_handover'
  const options = { httpOnly: true, sameSite: 'lax', path: '/', secure } as const

  const read = (req: Request): HandOver[] =>
    (parseCookie(req.headers.cookie ?? '')[name] ?? '')
      .split('~')
      .slice(0, MOST)
      .map(part => part.split('.'))
      .map(([state = '', at = '', again = '']) => ({ state, at: Number(at), reauthenticate: again === '1' }))
      .filter(({ state, at }) => state.length === 43 && at + LIFE > clock.now())

  function write(res: Response, pending: readonly HandOver[]): void {
    const text = pending.map(({ state, at, reauthenticate }) => `${state}.${at}.${reauthenticate ? 1 : 0}`).join('~')
    if (text === '') res.clearCookie(name, options)
    else res.cookie(name, text, { ...options, maxAge: LIFE })
  }

  return {
    begin(req, res, reauthenticate) {
      const state = opaqueToken(random)
      write(res, [{ state, at: clock.now(), reauthenticate }, ...read(req)].slice(0, MOST))
      return state
    },
    find: (req, stateHash) => read(req).find(({ state }) => hashSecret(state) === stateHash),
    end: (req, res, state) =>
      write(
        res,
        read(req).filter(pending => pending.state !== state),
      ),
  }
}
