import { createRemoteJWKSet, importJWK, type JWTVerifyGetKey } from 'jose'
import * as oauth from 'openid-client'
import { insecureOnlyOnLoopback } from './registration.ts'
import type { Registration, Secrets } from './secrets.ts'

/** The metadata of Latchkey, and the public keys that verify its signatures. */
export interface Latchkey {
  client: oauth.Configuration
  issuer: string
  clientId: string
  signers: JWTVerifyGetKey
}

/**
 * Fetches Latchkey's metadata when it is first needed, and caches it. A failure is not cached: this platform starts,
 * and receives, while Latchkey is away.
 */
export function rememberLatchkey(
  issuer: string,
  secrets: Secrets,
  registration: Registration,
): () => Promise<Latchkey> {
  let known: Promise<Latchkey> | undefined
  return () => {
    known ??= discoverLatchkey(issuer, secrets, registration).catch((error: unknown) => {
      known = undefined
      throw error
    })
    return known
  }
}

async function discoverLatchkey(issuer: string, secrets: Secrets, { client_id }: Registration): Promise<Latchkey> {
  const key = (await importJWK(secrets.signingKey, 'ES256')) as oauth.CryptoKey
  const authentication = oauth.PrivateKeyJwt({ key, kid: secrets.signingKey.kid as string })
  const client = await oauth.discovery(
    new URL(issuer),
    client_id,
    undefined,
    authentication,
    insecureOnlyOnLoopback(issuer),
  )
  const metadata = client.serverMetadata()
  if (!metadata.jwks_uri) throw new Error('The metadata of Latchkey names no jwks_uri')
  return {
    client,
    issuer: metadata.issuer,
    clientId: client_id,
    signers: createRemoteJWKSet(new URL(metadata.jwks_uri)),
  }
}
