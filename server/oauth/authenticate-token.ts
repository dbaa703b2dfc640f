import type { AccessToken, ClientCredentials, Provider } from 'oidc-provider'
import type { Database } from '../../db/connect.ts'
import type { Clock } from '../base/clock.ts'
import { SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { apiResource } from './api-resource.ts'
import { checkProof, PROOF_WINDOW } from './dpop-proof.ts'
import { installationOfGrant } from './grants.ts'

/** The subject of an access token: an app, and if an install issued it, that installation only. */
export type TokenBearer = {
  appId: string
  installationId: string | undefined
  /**
   * The permissions of the token, which may be fewer than those of its installation; absent for an app without
   * permissions.
   */
  permissions: string[] | undefined
}

/** The parts of a request that prove the right to use the token. `path` is without query. */
export type PresentedToken = {
  authorization: string | undefined
  dpop: string | undefined
  method: string
  path: string
}

type AuthenticateCaps = {
  provider: Provider
  database: Database
  clock: Clock
  limits: Pick<RateLimits, 'requireLeft'>
  publicUrl: string
}

/**
 * Accepts an access token of ours as Bearer, or as DPoP with its proof (RFC 9449 §7.1); a bound token without one is
 * refused. Throws `access.unauthorized`, `access.invalid_proof`, and `request.rate_limited` where the app has no call left.
 */
export async function authenticateToken(caps: AuthenticateCaps, presented: PresentedToken): Promise<TokenBearer> {
  const [, scheme = '', value = ''] = /^(Bearer|DPoP) +([\w.~+/-]+=*)$/i.exec(presented.authorization ?? '') ?? []
  const token = value && (await findToken(caps.provider, value))
  if (!token) throw refused('Send an access token of this server that is not expired or revoked.')
  if (isForAnother(token, caps.publicUrl)) throw refused('This token is for another API (RFC 8707).')
  const isDpop = scheme.toLowerCase() === 'dpop'
  if (token.jkt === undefined && isDpop) throw refused('This token is not bound to a key; send it as Bearer.')
  if (token.jkt !== undefined && (!isDpop || presented.dpop === undefined))
    throw refused('This token is bound to a key; send it as DPoP, with a proof.')
  const appId = token.clientId
  if (appId === undefined) throw refused('The token belongs to no app.')
  caps.limits.requireLeft('api', appId) // each proof is checked and stored
  if (token.jkt !== undefined) await checkBinding(caps, presented, value, token, token.jkt)
  const permissions = token.scope === undefined ? undefined : [...token.scopes]
  if (token.kind === 'ClientCredentials') return { appId, installationId: undefined, permissions }
  const { grantId } = token as AccessToken
  const installationId = grantId && (await caps.database.look(tx => installationOfGrant(tx, grantId)))
  if (!installationId) throw refused('The token belongs to no installation.')
  return { appId, installationId, permissions: permissions ?? [] }
}

/** A token requested for another resource is refused here (RFC 8707 §2, RFC 9068 §4). */
function isForAnother({ aud }: AccessToken | ClientCredentials, publicUrl: string): boolean {
  return aud !== undefined && ![aud].flat().includes(apiResource(publicUrl))
}

async function findToken(provider: Provider, value: string): Promise<AccessToken | ClientCredentials | undefined> {
  const token = (await provider.AccessToken.find(value)) ?? (await provider.ClientCredentials.find(value))
  return token?.isValid ? token : undefined
}

async function checkBinding(
  { provider, clock, publicUrl }: AuthenticateCaps,
  { dpop, method, path }: PresentedToken,
  accessToken: string,
  token: AccessToken | ClientCredentials,
  thumbprint: string,
): Promise<void> {
  const at = clock.now()
  const jti = await checkProof(dpop ?? '', { method, url: publicUrl + path, accessToken, thumbprint, at })
  const remembered = Math.floor(at / SECOND) + PROOF_WINDOW
  if (!(await unusedProof(provider, token.clientId ?? '', jti, remembered)))
    throw new AppError('access.invalid_proof', { detail: 'The DPoP proof has been used before.' })
}

/** The insert fails on conflict, so that one of two simultaneous uses is refused. */
async function unusedProof(provider: Provider, clientId: string, jti: string, expires: number): Promise<boolean> {
  try {
    return await provider.ReplayDetection.unique(clientId, jti, expires)
  } catch (error) {
    if (error instanceof Error && 'statusCode' in error && error.statusCode === 400) return false
    throw error
  }
}

function refused(detail: string): AppError {
  return new AppError('access.unauthorized', { detail })
}
