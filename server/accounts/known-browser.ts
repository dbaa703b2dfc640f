import { createHmac, timingSafeEqual } from 'node:crypto'
import { parseCookie } from 'cookie'
import type { Request, Response } from 'express'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'

/** One person's mark in one browser. All copies of it share the count of its `nonce`. */
export type KnownBrowser = { userId: string; nonce: string }

export type KnownBrowserCookie = {
  /** The people who have signed in with this browser before. */
  read(req: Request): KnownBrowser[]
  /** Marks the browser for a person who has just signed in, under a new nonce. */
  write(req: Request, res: Response, userId: string): void
}

/** How long a browser is remembered after the last sign-in. */
const LIFE = 180 * DAY
/** People who share a browser; the one who signed in longest ago is dropped. */
const MOST_PEOPLE = 5
const PURPOSE = 'known-browser'

/**
 * A cookie that records who has signed in with this browser, so that password guessing elsewhere locks nobody out. It signs
 * nobody in, and is signed under the root secret. A copied one gives as many attempts as the limits `sign_in_browser` and
 * `sign_in_known` allow. After OWASP's "device cookies".
 */
export function createKnownBrowserCookie(
  { clock, random, keyring }: Pick<Caps, 'clock' | 'random' | 'keyring'>,
  publicUrl: string,
): KnownBrowserCookie {
  const secure = publicUrl.startsWith('https:')
  const name = secure ? '__Host-latchkey_browser' : 'latchkey_browser'

  function sign(text: string, key: Buffer): Buffer {
    return createHmac('sha256', key).update(text).digest()
  }

  function make(userId: string): string {
    const text = `${userId}.${clock.now()}.${random.bytes(12).toString('base64url')}`
    const [key] = keyring.derive(PURPOSE)
    return key ? `${text}.${sign(text, key).toString('base64url')}` : ''
  }

  /** A mark that is ours and has not ended, with its text. */
  function open(mark: string): (KnownBrowser & { mark: string }) | undefined {
    const [userId = '', at = '', nonce = '', signature = ''] = mark.split('.')
    const given = Buffer.from(signature, 'base64url')
    const ours = keyring.derive(PURPOSE).some(key => {
      const right = sign(`${userId}.${at}.${nonce}`, key)
      return given.length === right.length && timingSafeEqual(given, right)
    })
    return ours && Number(at) + LIFE > clock.now() ? { userId, nonce, mark } : undefined
  }

  function marks(req: Request): (KnownBrowser & { mark: string })[] {
    const given = (parseCookie(req.headers.cookie ?? '')[name] ?? '').split('~').slice(0, MOST_PEOPLE)
    return given.map(open).filter(mark => mark !== undefined)
  }

  return {
    read: req => marks(req).map(({ userId, nonce }) => ({ userId, nonce })),
    write(req, res, userId) {
      const others = marks(req).filter(mark => mark.userId !== userId)
      const value = [make(userId), ...others.map(({ mark }) => mark)].slice(0, MOST_PEOPLE).join('~')
      res.cookie(name, value, { httpOnly: true, sameSite: 'lax', path: '/', secure, maxAge: LIFE })
    },
  }
}
