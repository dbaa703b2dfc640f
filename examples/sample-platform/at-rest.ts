import { CompactEncrypt, compactDecrypt, EncryptJWT, importJWK, type JWK, type JWTPayload, jwtDecrypt } from 'jose'

const lock = { alg: 'dir', enc: 'A256GCM' }
const only = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] }

/** Locks and unlocks with the storage key: received keys in our file, and short-lived claims in a cookie. */
export interface AtRest {
  lock(plaintext: string): Promise<string>
  unlock(locked: string): Promise<string>
  /** Claims that open for ten minutes. */
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
