import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, generateSecret, type JWK } from 'jose'
import { readJsonFile, writeJsonFile } from './json-file.ts'

/** The response of the registration. `webhook_secret` is returned only once. */
export interface Registration {
  client_id: string
  redirect_uri: string
  webhook_secret: string
  registration_access_token?: string
  registration_client_uri?: string
}

/** All secrets of this platform. In production they belong in a secrets manager, not in a file. */
export interface Secrets {
  /** Decrypt sealed keys. The last one is registered; earlier ones are kept for pending deliveries. */
  decryptionKeys: JWK[]
  /** Signs the assertions that authenticate this client (`private_key_jwt`). */
  signingKey: JWK
  /** Encrypts received keys in a file, and the state of a flow in its cookie. */
  storageKey: JWK
  registration?: Registration
}

const fileIn = (folder: string) => join(folder, 'secrets.json')

/** Reads this platform's secrets; creates them at the first start. */
export async function loadSecrets(folder: string): Promise<Secrets> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const kept = await readJsonFile<Secrets>(fileIn(folder))
  if (kept) return kept
  const secrets = {
    decryptionKeys: [await newKeyPair('ECDH-ES+A256KW', 'enc')],
    signingKey: await newKeyPair('ES256', 'sig'),
    storageKey: await exportJWK(await generateSecret('A256GCM', { extractable: true })),
  }
  await saveSecrets(folder, secrets)
  return secrets
}

/** Writes the secrets to `secrets.json`, mode 0600. */
export async function saveSecrets(folder: string, secrets: Secrets): Promise<void> {
  await writeJsonFile(fileIn(folder), secrets)
}

/** The public keys to register as `jwks`. */
export function publicJwks({ decryptionKeys, signingKey }: Secrets): { keys: JWK[] } {
  return { keys: [...decryptionKeys, signingKey].map(({ d: _private, ...jwk }) => jwk) }
}

async function newKeyPair(alg: 'ECDH-ES+A256KW' | 'ES256', use: 'enc' | 'sig'): Promise<JWK> {
  const { privateKey } = await generateKeyPair(alg, { crv: 'P-256', extractable: true })
  const jwk = await exportJWK(privateKey)
  return { ...jwk, alg, use, kid: await calculateJwkThumbprint(jwk) }
}
