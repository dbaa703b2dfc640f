import * as client from 'openid-client'
import { ZodError } from 'zod'
import type { Clock } from '../base/clock.ts'
import { MINUTE, SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { OutboundError } from '../base/outbound.ts'
import type { IdentityConfig } from '../people-config.ts'
import { type IdentityClaims, lacksClaims, readClaims } from './identity-claims.ts'
import type { IdentityAttempt } from './identity-cookie.ts'

/** Who signed in at the provider; `authenticatedAt` is its `auth_time` in milliseconds, if it says one. */
export type Identified = IdentityClaims & { issuer: string; subject: string; authenticatedAt: number | undefined }

/** The operator's OpenID provider. Both throw `identity.unavailable`, `identity.invalid`; `finish` also `identity.refused`. */
export type IdentityProvider = {
  /** Where a browser signs in: authorization code with PKCE (RFC 7636), `state` and `nonce`. */
  authorizationUrl(attempt: IdentityAttempt): Promise<string>
  /** Exchanges the code of a callback address, and checks `iss`, `aud`, `nonce`, signature and `auth_time`. */
  finish(attempt: IdentityAttempt, callback: URL): Promise<Identified>
}

type ProviderCaps = { clock: Clock; publicUrl: string; fetch: typeof fetch }

/** How long the provider's metadata is kept. */
const METADATA_LIFE = 60 * MINUTE
/** How long a provider that did not respond is left alone. */
const FAILURE_LIFE = 5 * SECOND

export function createIdentityProvider(config: IdentityConfig, caps: ProviderCaps): IdentityProvider {
  const metadata = createMetadata(config, caps)
  const redirectUri = `${caps.publicUrl}/signin/callback`
  return {
    authorizationUrl: attempt =>
      named(async () => {
        const url = client.buildAuthorizationUrl(await metadata(), {
          redirect_uri: redirectUri,
          scope: config.scopes,
          state: attempt.state,
          nonce: attempt.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(attempt.codeVerifier),
          code_challenge_method: 'S256',
          ...(attempt.fresh && { prompt: 'login', max_age: '0' }),
        })
        return url.href
      }),
    finish: (attempt, callback) =>
      named(async () => {
        const tokens = await client.authorizationCodeGrant(await metadata(), callback, {
          pkceCodeVerifier: attempt.codeVerifier,
          expectedState: attempt.state,
          expectedNonce: attempt.nonce,
          idTokenExpected: true,
          ...(attempt.fresh && { maxAge: 0 }),
        })
        const token = tokens.claims()
        if (!token) throw new Error('no ID token')
        const userinfo = lacksClaims(token, config.accountsClaim)
          ? await askUserinfo(await metadata(), tokens.access_token, token.sub)
          : {}
        return {
          ...readClaims({ ...userinfo, ...token }, config.accountsClaim),
          issuer: token.iss,
          subject: token.sub,
          authenticatedAt: token.auth_time === undefined ? undefined : token.auth_time * SECOND,
        }
      }),
  }
}

/** Reads the provider's metadata (OpenID Connect Discovery §4), and keeps it. */
function createMetadata(config: IdentityConfig, { clock, fetch }: ProviderCaps): () => Promise<client.Configuration> {
  let kept: { reading: Promise<client.Configuration>; until: number } | undefined
  return async () => {
    if (kept && clock.monotonic() < kept.until) return await kept.reading
    const reading = discover(config, fetch)
    const mine = { reading, until: clock.monotonic() + METADATA_LIFE }
    kept = mine
    try {
      return await reading
    } catch (error) {
      mine.until = clock.monotonic() + FAILURE_LIFE
      throw error
    }
  }
}

async function discover(config: IdentityConfig, outbound: typeof fetch): Promise<client.Configuration> {
  const call: client.CustomFetch = (url, init) => outbound(url, init as RequestInit)
  const issuer = new URL(config.issuer)
  const plain = issuer.protocol === 'http:'
  const found = await client.discovery(issuer, config.clientId, config.clientSecret, undefined, {
    [client.customFetch]: call,
    execute: [client.enableNonRepudiationChecks, ...(plain ? [client.allowInsecureRequests] : [])],
  })
  const methods = found.serverMetadata().token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  if (!methods.includes('client_secret_basic')) return found // sends the secret in the body
  const basic = new client.Configuration(
    found.serverMetadata(),
    config.clientId,
    config.clientSecret,
    client.ClientSecretBasic(config.clientSecret),
  )
  basic[client.customFetch] = call
  client.enableNonRepudiationChecks(basic)
  if (plain) client.allowInsecureRequests(basic)
  return basic
}

async function askUserinfo(
  metadata: client.Configuration,
  accessToken: string,
  subject: string,
): Promise<Record<string, unknown>> {
  if (metadata.serverMetadata().userinfo_endpoint === undefined) return {}
  return { ...(await client.fetchUserInfo(metadata, accessToken, subject)) }
}

/** Whatever the provider does wrong, by name: refused, unreachable, or not to be believed. */
async function named<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    throw faultOf(cause)
  }
}

const NOBODY = 'Nobody was signed in, and nothing was changed.'

function faultOf(cause: unknown): AppError {
  if (cause instanceof client.AuthorizationResponseError)
    return new AppError('identity.refused', {
      cause,
      detail: `${NOBODY} The sign-in service said: ${plain(cause.error)}.`,
    })
  const reached = causes(cause).find(error => error instanceof OutboundError)
  if (reached && reached.fault !== 'protocol')
    return new AppError('identity.unavailable', { cause, retryAfter: 5, detail: `${NOBODY} Try again in a moment.` })
  const claim = cause instanceof ZodError ? ` Its claim ${String(cause.issues[0]?.path[0])} is not valid.` : ''
  return new AppError('identity.invalid', { cause, detail: `${NOBODY}${claim} Tell whoever runs this service.` })
}

function causes(error: unknown): unknown[] {
  const all: unknown[] = []
  for (let cause = error; cause instanceof Error && all.length < 10; cause = cause.cause) all.push(cause)
  return all
}

/** An error code of RFC 6749 §4.1.2.1, and nothing else that a stranger may put into an address. */
function plain(code: string): string {
  return /^[a-z_]{1,40}$/.test(code) ? code : 'an error'
}
