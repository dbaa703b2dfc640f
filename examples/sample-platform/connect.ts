import { parseCookie } from 'cookie'
import type { CookieOptions, Request, RequestHandler, Response } from 'express'
import * as oauth from 'openid-client'
import { z } from 'zod'
import type { AtRest } from './at-rest.ts'
import type { Latchkey } from './latchkey.ts'
import type { Pages } from './pages.ts'
import type { State, Store } from './store.ts'

/** The dependencies of both ends of the authorization code flow. */
export interface ConnectDeps {
  url: string
  latchkey: () => Promise<Latchkey>
  atRest: AtRest
  store: Store
  pages: Pages
}

const flowCookie = 'platform_flow'
const flow = z.object({ state: z.string(), code_verifier: z.string() })
const granted = z.object({
  type: z.literal('installation'),
  installation_id: z.string(),
  account_id: z.string(),
  mode: z.enum(['live', 'test']),
  generation: z.int(),
})

/** `GET /connect`: pushes the authorization request (PKCE, PAR) and sends the browser to Latchkey. */
export function startConnecting({ url, latchkey, atRest, pages }: ConnectDeps): RequestHandler {
  return async (req, res) => {
    const state = oauth.randomState()
    const code_verifier = oauth.randomPKCECodeVerifier()
    const mode = req.query['mode'] === 'test' || req.query['mode'] === 'live' ? { mode: req.query['mode'] } : {}
    try {
      // No scope: Latchkey then asks the account for every permission of the manifest.
      const address = await oauth.buildAuthorizationUrlWithPAR((await latchkey()).client, {
        redirect_uri: `${url}/callback`,
        code_challenge: await oauth.calculatePKCECodeChallenge(code_verifier),
        code_challenge_method: 'S256',
        state,
        ...mode,
      })
      res.cookie(flowCookie, await atRest.lockBriefly({ state, code_verifier }), cookieOptions(url))
      res.redirect(303, address.href)
    } catch (error) {
      console.error(`Cannot start: ${messageOf(error)}`)
      const text = 'Latchkey did not take the request. Nothing was changed. Try again in a minute.'
      pages.message(res, 502, 'Connecting did not start', text)
    }
  }
}

/** `GET /callback`: checks `state` and `iss`, exchanges the code, and learns which installation it is. */
export function finishConnecting(deps: ConnectDeps): RequestHandler {
  return async (req, res) => {
    const { url, latchkey, store, pages } = deps
    const started = await readFlow(req, deps)
    res.clearCookie(flowCookie, cookieOptions(url))
    if (!started) {
      const text = 'This page belongs to a connection that was started elsewhere or long ago. Nothing was changed.'
      return pages.message(res, 400, 'Start once more', text)
    }
    try {
      const checks = { expectedState: started.state, pkceCodeVerifier: started.code_verifier }
      const { client } = await latchkey()
      const tokens = await oauth.authorizationCodeGrant(client, new URL(req.originalUrl, url), checks)
      // The installation comes from the token response. An id in the URL would prove nothing.
      const details = z.array(granted).nonempty().parse(tokens.authorization_details)
      await store.update(state => noteInstallations(state, details))
      res.redirect(303, '/?connected')
    } catch (error) {
      respondFailure(res, pages, error)
    }
  }
}

/** Events may arrive before the browser and have newer data: existing entries stay unchanged. */
function noteInstallations({ installations }: State, details: z.infer<typeof granted>[]): void {
  for (const { installation_id: id, account_id, mode, generation } of details) {
    if (installations.some(known => known.id === id)) continue
    const fresh = { id, account_id, mode, generation, account_name: null }
    installations.push({ ...fresh, status: 'connecting', sequence: 0, keys: [] })
  }
}

async function readFlow(req: Request, { atRest }: ConnectDeps) {
  const cookie = parseCookie(req.get('cookie') ?? '')[flowCookie]
  const claims = cookie ? await atRest.unlockBrief(cookie).catch(() => undefined) : undefined
  return flow.safeParse(claims).data
}

// Lax, not Strict: the browser comes back from another site.
function cookieOptions(url: string): CookieOptions {
  return { httpOnly: true, sameSite: 'lax', secure: url.startsWith('https:'), path: '/callback' }
}

function respondFailure(res: Response, pages: Pages, error: unknown): void {
  if (error instanceof oauth.AuthorizationResponseError && error.error === 'access_denied') {
    pages.message(
      res,
      200,
      'Not connected',
      'You decided not to install the app. No key was made, and nothing is stored.',
    )
  } else {
    console.error(`Cannot finish: ${messageOf(error)}`)
    const text = 'What came back from Latchkey was not what this platform asked for. Start once more.'
    pages.message(res, 400, 'Not connected', text)
  }
}

function messageOf(error: unknown): string {
  if (error instanceof oauth.ResponseBodyError) return `${error.error} ${error.error_description ?? ''}`
  return error instanceof Error ? error.message : 'unknown error'
}
