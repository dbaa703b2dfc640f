import { type CryptoKey, compactDecrypt, type createRemoteJWKSet, jwtVerify } from 'jose'

export type SealedSecret = { format: string; recipient_key_id: string; ciphertext: string }

/** The claims that a decrypted secret must have. */
export type Expectation = { appId: string; installationId: string; keyId: string }

type Opening = {
  privateKeys: Map<string | undefined, CryptoKey>
  jwks: ReturnType<typeof createRemoteJWKSet>
  issuer: string
  now: Date
}

/** Decrypts the JWE and verifies the JWS within. Throws if either is not as expected. */
export async function openSecret(
  sealed: SealedSecret,
  expected: Expectation,
  { privateKeys, jwks, issuer, now }: Opening,
) {
  if (sealed.format !== 'jwe_compact') throw new Error(`unknown format ${sealed.format}`)
  const { plaintext, protectedHeader } = await compactDecrypt(
    sealed.ciphertext,
    ({ kid }) => {
      const key = privateKeys.get(kid)
      if (!key) throw new Error(`sealed to an unknown key ${kid}`)
      return key
    },
    { contentEncryptionAlgorithms: ['A256GCM'], keyManagementAlgorithms: ['ECDH-ES+A256KW', 'RSA-OAEP-256'] },
  )
  if (protectedHeader.cty !== 'JWT') throw new Error(`cty is ${protectedHeader.cty}`)
  if (protectedHeader.kid !== sealed.recipient_key_id) throw new Error('kid differs from recipient_key_id')
  const { payload } = await jwtVerify<{ key: string }>(new TextDecoder().decode(plaintext), jwks, {
    issuer,
    audience: expected.appId,
    subject: expected.installationId,
    typ: 'managed-key+jwt',
    requiredClaims: ['iat', 'jti', 'key'],
    currentDate: now,
  })
  if (payload.jti !== expected.keyId) throw new Error(`jti ${payload.jti} is not ${expected.keyId}`)
  return payload
}
