import {
  type CryptoKey,
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTVerifyGetKey,
} from 'jose'
import type { Database, Tx } from '../../db/connect.ts'
import { lockTable } from '../../db/connect.ts'
import type { SealedColumn } from '../../db/sealed-columns.ts'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'
import { insertSigningKey, listEverySigningKey, listSigningKeys, retireSigningKeys } from './signing-key-store.ts'

export const SIGNING_ALG = 'ES256'

const PURPOSE = 'signing-key'

export const SEALED_SIGNING_KEYS: SealedColumn = {
  table: 'signing_keys',
  column: 'private_jwk',
  key: ['kid'],
  purpose: PURPOSE,
  context: ({ kid = '' }) => kid,
}

/**
 * The server's signing keys: the current one signs, all are in `/oauth/jwks`. This object is updated in place; do not copy it.
 */
export type SigningKeys = {
  current: { kid: string; key: CryptoKey }
  /** Private JWKs, the current one first, for oidc-provider. */
  jwks: { keys: JWK[] }
}

/** How long a key is published after it last signed: what it has signed may be sent again for 30 days. */
const PUBLISHED_AFTER = 90 * DAY

/** Reads the signing keys, and creates one at the first start. Private keys are encrypted under the root secret. */
export async function loadSigningKeys(database: Database, caps: Caps): Promise<SigningKeys> {
  const rows = await database.transaction(async tx => {
    await lockTable(tx, 'signing_keys') // two nodes may start at once
    const found = await listSigningKeys(tx)
    return found.length > 0 ? found : [await addSigningKey(tx, caps)]
  })
  return await openKeys(rows, caps)
}

/** Adds keys that another process has made to the same object; false if there are none. */
export async function renewSigningKeys(database: Database, caps: Caps, signing: SigningKeys): Promise<boolean> {
  const rows = await database.read(listSigningKeys)
  const known = signing.jwks.keys.map(({ kid }) => kid)
  if (rows.length === 0 || rows.map(({ kid }) => kid).join() === known.join()) return false
  Object.assign(signing, await openKeys(rows, caps))
  return true
}

/**
 * Creates a key that signs from now on, in every process. Earlier keys stay published until nothing they signed can be used any
 * more.
 */
export async function rotateSigningKeys(
  database: Database,
  caps: Caps,
): Promise<{ kid: string; published: number; retired: number }> {
  const at = caps.clock.now()
  return await database.transaction(async tx => {
    await lockTable(tx, 'signing_keys')
    const before = await listSigningKeys(tx)
    const { kid } = await addSigningKey(tx, caps)
    const replacedAt = (index: number) => before[index - 1]?.created_at ?? at
    const old = before.filter((_, index) => replacedAt(index) < at - PUBLISHED_AFTER).map(key => key.kid)
    const retired = await retireSigningKeys(tx, old, at)
    return { kid, published: before.length + 1 - retired, retired }
  })
}

/** Verifies tokens that any signing key of this server has signed, including keys no longer published. */
export async function everySigningKey(
  database: Database,
  { keyring }: Pick<Caps, 'keyring'>,
): Promise<JWTVerifyGetKey> {
  const rows = await database.read(listEverySigningKey)
  const keys = rows.map(({ kid, private_jwk }) => {
    const { d: _private, ...publicJwk } = JSON.parse(keyring.decrypt(PURPOSE, kid, private_jwk)) as JWK
    return publicJwk // from the encrypted part, so that write access to the database is not enough to add a key
  })
  return createLocalJWKSet({ keys })
}

async function openKeys(
  rows: readonly { kid: string; private_jwk: string }[],
  { keyring }: Caps,
): Promise<SigningKeys> {
  const keys = rows.map(row => JSON.parse(keyring.decrypt(PURPOSE, row.kid, row.private_jwk)) as JWK)
  const [current] = keys
  if (!current?.kid) throw new Error('there is no signing key')
  const key = (await importJWK(current, SIGNING_ALG)) as CryptoKey
  return { current: { kid: current.kid, key }, jwks: { keys } }
}

async function addSigningKey(tx: Tx, { clock, keyring }: Caps): Promise<{ kid: string; private_jwk: string }> {
  const pair = await generateKeyPair(SIGNING_ALG, { extractable: true })
  const publicJwk = await exportJWK(pair.publicKey)
  const kid = await calculateJwkThumbprint(publicJwk)
  const common = { kid, alg: SIGNING_ALG, use: 'sig' }
  const row = {
    kid,
    alg: SIGNING_ALG,
    public_jwk: JSON.stringify({ ...publicJwk, ...common }),
    private_jwk: keyring.encrypt(PURPOSE, kid, JSON.stringify({ ...(await exportJWK(pair.privateKey)), ...common })),
    created_at: clock.now(),
  }
  await insertSigningKey(tx, row)
  return row
}
