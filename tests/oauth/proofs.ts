import { createHash, randomUUID } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

type SigningKey = { key: CryptoKey; kid: string; alg?: string }

const seconds = () => Math.floor(Date.now() / 1_000)

/** The fields of `private_key_jwt` (RFC 7523 §3), signed by the receiver's key; times in seconds from now. */
export async function assertion(
  clientId: string,
  { privateSigningKey: { key, kid, alg = 'ES256' } }: { privateSigningKey: SigningKey },
  audience: string,
  claims: { jti?: string; issued?: number; notBefore?: number; expires?: number; subject?: string } = {},
): Promise<Record<string, string>> {
  const { jti = randomUUID(), issued = 0, notBefore, expires = 60, subject = clientId } = claims
  const now = seconds()
  const jwt = new SignJWT({ jti, ...(notBefore !== undefined && { nbf: now + notBefore }) })
    .setProtectedHeader({ alg, kid })
    .setIssuer(clientId)
    .setSubject(subject)
    .setAudience(audience)
    .setIssuedAt(now + issued)
    .setExpirationTime(now + expires)
  return { client_id: clientId, client_assertion_type: ASSERTION_TYPE, client_assertion: await jwt.sign(key) }
}

export type ProofOptions = {
  accessToken?: string
  jti?: unknown
  /** Overrides of header and payload members; undefined omits one. */
  header?: Record<string, unknown>
  claims?: Record<string, unknown>
}

export type Proofs = {
  thumbprint: string
  /** One DPoP proof (RFC 9449 §4.2) for a request; `jti` is new unless given. */
  make(method: string, address: string, more?: ProofOptions): Promise<string>
}

export async function createProofs(alg = 'ES256'): Promise<Proofs> {
  const pair = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(pair.publicKey)
  return {
    thumbprint: await calculateJwkThumbprint(jwk),
    make: (method, address, { accessToken, jti = randomUUID(), header, claims } = {}) =>
      new SignJWT({
        jti: jti as string,
        htm: method,
        htu: address,
        iat: seconds(),
        ...(accessToken !== undefined && { ath: createHash('sha256').update(accessToken).digest('base64url') }),
        ...claims,
      })
        .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk, ...header })
        .sign(pair.privateKey),
  }
}
