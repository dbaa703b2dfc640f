import * as oauth from 'openid-client'

export type Credentials = {
  clientId: string
  clientSecret?: string
  /** Instead of `client_secret_basic`: `PrivateKeyJwt(receiver.privateSigningKey)`, `None()` and so on. */
  authentication?: oauth.ClientAuth
}

export type AuthorizationParameters = {
  redirectUri: string
  scope?: string
  state?: string
  /** Additional parameters, such as `mode` or `authorization_details` (as JSON). */
  extra?: Record<string, string>
}

/** An authorization request: the URL for the browser, and the values that the exchange needs. */
export type AuthorizationRequest = { url: URL; state: string; codeVerifier: string; redirectUri: string }

export type Tokens = Awaited<ReturnType<typeof oauth.authorizationCodeGrant>>

/** Reads the issuer's metadata as an OAuth client would; plain http is allowed. */
export async function discover(issuer: string, credentials: Credentials): Promise<oauth.Configuration> {
  const { clientId, clientSecret, authentication } = credentials
  const proof = authentication ?? (clientSecret ? oauth.ClientSecretBasic(clientSecret) : oauth.None())
  const metadata = clientSecret ? { client_secret: clientSecret } : {}
  return oauth.discovery(new URL(issuer), clientId, metadata, proof, { execute: [oauth.allowInsecureRequests] })
}

/** Authorization code with PKCE S256. */
export async function authorizationUrl(
  config: oauth.Configuration,
  parameters: AuthorizationParameters,
): Promise<AuthorizationRequest> {
  const { query, ...request } = await prepare(parameters)
  return { url: oauth.buildAuthorizationUrl(config, query), ...request }
}

/** The same by a pushed request (RFC 9126). */
export async function pushedAuthorizationUrl(
  config: oauth.Configuration,
  parameters: AuthorizationParameters,
  options?: oauth.DPoPOptions,
): Promise<AuthorizationRequest> {
  const { query, ...request } = await prepare(parameters)
  return { url: await oauth.buildAuthorizationUrlWithPAR(config, query, options), ...request }
}

/** Checks `state` and `iss` of the redirect, and exchanges its code. */
export async function exchangeCode(
  config: oauth.Configuration,
  request: AuthorizationRequest,
  cameBackTo: string | URL,
  options?: oauth.AuthorizationCodeGrantOptions,
): Promise<Tokens> {
  const checks = { pkceCodeVerifier: request.codeVerifier, expectedState: request.state }
  return oauth.authorizationCodeGrant(config, new URL(cameBackTo), checks, undefined, options)
}

async function prepare({ redirectUri, scope, state = oauth.randomState(), extra }: AuthorizationParameters) {
  const codeVerifier = oauth.randomPKCECodeVerifier()
  const query: Record<string, string> = {
    response_type: 'code',
    redirect_uri: redirectUri,
    ...(scope !== undefined && { scope }),
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: 'S256',
    ...extra,
  }
  return { query, state, codeVerifier, redirectUri }
}
