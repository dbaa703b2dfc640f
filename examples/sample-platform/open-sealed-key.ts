import { compactDecrypt, errors, importJWK, type JWK, jwtVerify } from 'jose'
import type { SealedKeyEvent } from './event.ts'
import type { Latchkey } from './latchkey.ts'

/** Why a sealed key was refused; `temporary` if the same event may succeed later. */
export class SealedKeyError extends Error {
  readonly temporary: boolean
  constructor(message: string, { temporary = false, cause }: { temporary?: boolean; cause?: unknown } = {}) {
    super(message, { cause })
    this.temporary = temporary
  }
}

const signatureAlgorithms = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256', 'RS256']

/**
 * Opens an event's sealed key: decrypts it with our private key, then proves that Latchkey made it for us, for this
 * installation, as this key. The age is not checked: a redelivery brings the ciphertext of the first attempt.
 */
export async function openSealedKey(event: SealedKeyEvent, privateKeys: JWK[], latchkey: Latchkey): Promise<string> {
  const jws = await decrypt(event.data.encrypted_secret.ciphertext, privateKeys)
  const { payload } = await jwtVerify(jws, latchkey.signers, {
    typ: 'managed-key+jwt',
    algorithms: signatureAlgorithms,
    issuer: latchkey.issuer,
    audience: latchkey.clientId,
    subject: event.data.installation.id,
    requiredClaims: ['iat', 'jti', 'key'],
  }).catch(refuseSignature)
  if (payload.jti !== event.data.key.id) throw new SealedKeyError('The sealed key is another than the event says')
  if (typeof payload['key'] !== 'string' || !payload['key']) throw new SealedKeyError('The sealed key is empty')
  return payload['key']
}

async function decrypt(jwe: string, privateKeys: JWK[]): Promise<string> {
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(
      jwe,
      async ({ kid }) => {
        const jwk = privateKeys.find(key => key.kid === kid)
        if (!jwk) throw new SealedKeyError('Sealed for a key that this platform does not have')
        return importJWK(jwk)
      },
      { keyManagementAlgorithms: ['ECDH-ES+A256KW'], contentEncryptionAlgorithms: ['A256GCM'] },
    )
    // RFC 7519 §5.2: a nested JWT has this header.
    if (protectedHeader.cty?.toUpperCase() !== 'JWT') throw new SealedKeyError('What was sealed is not a JWT')
    return new TextDecoder().decode(plaintext)
  } catch (error) {
    if (error instanceof SealedKeyError) throw error
    throw new SealedKeyError('The sealed key does not open', { cause: error })
  }
}

// Latchkey may be away, or may have rotated its signing keys since the last read. Both are temporary.
const passing = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_INVALID', 'ERR_JWKS_NO_MATCHING_KEY', 'ERR_JWKS_TIMEOUT'])

function refuseSignature(cause: unknown): never {
  const temporary = !(cause instanceof errors.JOSEError) || passing.has(cause.code)
  throw new SealedKeyError('The sealed key is not signed as it must be', { temporary, cause })
}
