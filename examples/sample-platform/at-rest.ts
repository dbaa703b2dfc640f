import { CompactEncrypt, compactDecrypt, EncryptJWT, importJWK, type JWK, type JWTPayload, jwtDecrypt } from 'jose'

const lock = { alg: 'dir', enc: 'A256GCM' }
const only = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }

/** Encrypts and decrypts with the storage key: received keys in a file, and short-lived claims in a cookie. */
export interface AtRest {
  lock(plaintext: string): Promise<string>
  unlock(locked: string): Promise<string>
  /** Encrypts claims that are valid for ten minutes. */
  lockBriefly(claims: JWTPayload): Promise<string>
  unlockBrief(locked: string): Promise<JWTPayload>
}

/** Makes the lock from the storage key. */
export async function openAtRest(storageKey: JWK): Promise<AtRest> {
  const key = await importJWK(storageKey, 'A256GCM')
  return {
    lock: plaintext => new CompactEncrypt(new TextEncoder().encode(plaintext)).setProtectedHeader(lock).encrypt(key),
    unlock: async locked => new TextDecoder().decode((await compactDecrypt(locked, key, only)).plaintext),
    lockBriefly: claims => new EncryptJWT(claims).setProtectedHeader(lock).setExpirationTime('10m').encrypt(key),
    unlockBrief: async locked => (await jwtDecrypt(locked, key, { ...only, requiredClaims: ['exp'] })).payload,
  }
}
