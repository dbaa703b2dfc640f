import { CompactEncrypt, type CryptoKey, importJWK, SignJWT } from 'jose'
import type { RecipientKey } from '../../apps-registry/recipient-key.ts'
import { SECOND } from '../base/clock.ts'
import { SIGNING_ALG, type SigningKeys } from '../oauth/signing-keys.ts'

/** A sealed key: only the platform can decrypt it. */
export type EncryptedSecret = { format: 'jwe_compact'; recipient_key_id: string; ciphertext: string }

export type SealedClaims = { issuer: string; appId: string; installationId: string; keyId: string; at: number }

/** Seals a plaintext as a nested JWT: signed by us, then encrypted to the platform (RFC 7519 §A.2, RFC 7516). */
export async function sealKey(
  plaintext: string,
  recipient: RecipientKey,
  signing: SigningKeys['current'],
  claims: SealedClaims,
): Promise<EncryptedSecret> {
  const signed = await new SignJWT({ key: plaintext })
    .setProtectedHeader({ alg: SIGNING_ALG, typ: 'managed-key+jwt', kid: signing.kid })
    .setIssuer(claims.issuer)
    .setAudience(claims.appId)
    .setSubject(claims.installationId)
    .setJti(claims.keyId)
    .setIssuedAt(Math.floor(claims.at / SECOND))
    .sign(signing.key)
  const publicKey = (await importJWK(recipient.jwk, recipient.alg)) as CryptoKey
  const ciphertext = await new CompactEncrypt(new TextEncoder().encode(signed))
    .setProtectedHeader({ alg: recipient.alg, enc: 'A256GCM', cty: 'JWT', kid: recipient.kid })
    .encrypt(publicKey)
  return { format: 'jwe_compact', recipient_key_id: recipient.kid, ciphertext }
}
