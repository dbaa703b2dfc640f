import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

/** An OpenID provider of the test's own, which can lie and fail in every way. */
export type IdentityServer = {
  issuer: string
  /** Claims of the next ID token; undefined leaves one out. */
  claims: Record<string, unknown>
  userinfo: Record<string, unknown>
  /** What responds instead, by path. */
  instead: Map<string, (req: IncomingMessage, res: ServerResponse) => void>
  /** Whether ID tokens are signed by a key that nobody published. */
  forged: boolean
  /** How often each path was asked. */
  asked: Map<string, number>
  /** The code of a browser that came with this address, as if its person had signed in. */
  signIn(authorizationUrl: string): string
  close(): Promise<void>
}

export async function startIdentityServer(): Promise<IdentityServer> {
  const [keys, strangers] = [await generateKeyPair('RS256'), await generateKeyPair('RS256')]
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }
  const codes = new Map<string, URLSearchParams>()
  const server = createServer((req, res) => void respond(req, res))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const idp: IdentityServer = {
    issuer,
    claims: {},
    userinfo: {},
    instead: new Map(),
    forged: false,
    asked: new Map(),
    signIn(authorizationUrl) {
      const { searchParams } = new URL(authorizationUrl)
      const code = `code-${codes.size}`
      codes.set(code, searchParams)
      return `/signin/callback?${new URLSearchParams({ code, state: searchParams.get('state') ?? '' })}`
    },
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }

  async function idToken(asked: URLSearchParams): Promise<string> {
    const now = Math.floor(Date.now() / 1_000)
    const claims = {
      iss: issuer,
      aud: 'latchkey',
      iat: now,
      exp: now + 300,
      nonce: asked.get('nonce'),
      ...(asked.get('max_age') && { auth_time: now }),
      ...idp.claims,
    }
    return await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
      .sign(idp.forged ? strangers.privateKey : keys.privateKey)
  }

  async function respond(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname } = new URL(req.url ?? '/', issuer)
    idp.asked.set(pathname, (idp.asked.get(pathname) ?? 0) + 1)
    const instead = idp.instead.get(pathname)
    if (instead) return instead(req, res)
    const json = (body: unknown, status = 200) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (pathname === '/.well-known/openid-configuration')
      return void json({
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/jwks`,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        code_challenge_methods_supported: ['S256'],
      })
    if (pathname === '/jwks') return void json({ keys: [jwk] })
    if (pathname === '/userinfo') return void json({ sub: idp.claims['sub'], ...idp.userinfo })
    let body = ''
    for await (const part of req) body += part
    const asked = codes.get(new URLSearchParams(body).get('code') ?? '')
    if (!asked) return void json({ error: 'invalid_grant' }, 400)
    json({ access_token: 'token', token_type: 'Bearer', expires_in: 60, id_token: await idToken(asked) })
  }
  return idp
}
