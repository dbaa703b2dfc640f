import { createHash } from 'node:crypto'
import { calculateJwkThumbprint, EmbeddedJWK, type JWK, errors as joseErrors, jwtVerify } from 'jose'
import type { AccessToken, ClientCredentials, Provider } from 'oidc-provider'
import type { Database } from '../../db/connect.ts'
import type { Clock } from '../base/clock.ts'
import { SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { installationOfGrant } from './grants.ts'

/** Whom an access token speaks for: an app, and where it came from an install, only that installation. */
export type TokenBearer = {
  appId: string
  installationId: string | undefined
  /** What the token was granted, of an installation that may have more; absent where the token is the app's own. */
  permissions: string[] | undefined
}

/** What of a request proves that its sender may use the token. `path` is without query. */
export type PresentedToken = {
  authorization: string | undefined
  dpop: string | undefined
  method: string
  path: string
}

type AuthenticateCaps = { provider: Provider; database: Database; clock: Clock; publicUrl: string }

const PROOF_ALGS = ['ES256', 'Ed25519', 'EdDSA']
/** Seconds that a proof's `iat` may lie in the past or future. */
const PROOF_WINDOW = 60

/**
 * Accepts an access token of ours as Bearer, or as DPoP with its proof (RFC 9449 §7.1); a bound token without one is
 * refused. Throws `access.unauthorized`.
 */
export async function authenticateToken(caps: AuthenticateCaps, presented: PresentedToken): Promise<TokenBearer> {
  const [, scheme = '', value = ''] = /^(Bearer|DPoP) +([\w.~+/-]+=*)$/i.exec(presented.authorization ?? '') ?? []
  const token = value && (await findToken(caps.provider, value))
  if (!token) throw refused('Send an access token of this server that is not expired or revoked.')
  if (token.jkt !== undefined) await checkProof(caps, presented, value, token, scheme)
  else if (scheme.toLowerCase() === 'dpop') throw refused('This token is not bound to a key; send it as Bearer.')
  const appId = token.clientId
  if (appId === undefined) throw refused('The token belongs to no app.')
  if (token.kind === 'ClientCredentials') return { appId, installationId: undefined, permissions: undefined }
  const { grantId, scopes } = token as AccessToken
  const installationId = grantId && (await caps.database.read(tx => installationOfGrant(tx, grantId)))
  if (!installationId) throw refused('The token belongs to no installation.')
  return { appId, installationId, permissions: [...scopes] }
}

async function findToken(provider: Provider, value: string): Promise<AccessToken | ClientCredentials | undefined> {
  const token = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value))
  return token?.isValid ? token : undefined
}

async function checkProof(
  { provider, clock, publicUrl }: AuthenticateCaps,
  { dpop, method, path }: PresentedToken,
  value: string,
  token: AccessToken | ClientCredentials,
  scheme: string,
): Promise<void> {
  if (scheme.toLowerCase() !== 'dpop' || dpop === undefined)
    throw refused('This token is bound to a key; send it as DPoP, with a proof.')
  const { payload, protectedHeader } = await jwtVerify(dpop, EmbeddedJWK, {
    algorithms: PROOF_ALGS,
    typ: 'dpop+jwt',
  }).catch(cause => {
    if (cause instanceof joseErrors.JOSEError) throw refused('The DPoP proof is not valid.', cause)
    throw cause
  })
  const now = Math.floor(clock.now() / SECOND)
  const fits =
    payload['htm'] === method &&
    withoutQuery(payload['htu']) === publicUrl + path &&
    payload['ath'] === createHash('sha256').update(value).digest('base64url') &&
    typeof payload.iat === 'number' &&
    Math.abs(now - payload.iat) <= PROOF_WINDOW &&
    (await calculateJwkThumbprint(protectedHeader.jwk as JWK)) === token.jkt
  if (!fits || !payload.jti) throw refused('The DPoP proof is for another request, token or key, or it is too old.')
  if (!(await unusedProof(provider, token.clientId ?? '', payload.jti, now + 2 * PROOF_WINDOW)))
    throw refused('The DPoP proof has been used before.')
}

/** The replay table's insert fails on conflict, so that of two at once one is refused. */
async function unusedProof(provider: Provider, clientId: string, jti: string, expires: number): Promise<boolean> {
  try {
    return await provider.ReplayDetection.unique(clientId, jti, expires)
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 400) return false
    throw error
  }
}

function withoutQuery(htu: unknown): string | undefined {
  if (typeof htu !== 'string' || !URL.canParse(htu)) return undefined
  const { origin, pathname } = new URL(htu)
  return origin + pathname
}

function refused(detail: string, cause?: unknown): AppError {
  return new AppError('access.unauthorized', { detail, cause })
}
