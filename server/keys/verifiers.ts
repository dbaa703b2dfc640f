import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { hashSecret, mintSecret, redactSecret } from '../base/secret-format.ts'
import { endVerifier, insertVerifier, listVerifierRows, type VerifierRow } from './verifier-store.ts'

export type Verifier = {
  id: string
  name: string
  redacted: string
  createdAt: number
  /** Null while it works. */
  revokedAt: number | null
}

/** Creates a verifier key for a resource server; it is shown once. */
export async function createVerifier(
  tx: Tx,
  caps: Caps & { keyBrand: string },
  { name, actor }: { name: string; actor: Actor },
): Promise<{ verifier: Verifier; verifierKey: string }> {
  const { clock, ids, random, keyBrand } = caps
  const verifierKey = mintSecret(random, `${keyBrand}v_`)
  const at = clock.now()
  const row = { id: ids.next('vrf'), name, redacted: redactSecret(verifierKey), created_at: at, revoked_at: null }
  await insertVerifier(tx, { ...row, token_hash: hashSecret(verifierKey) })
  await recordActivity(tx, caps, [], [{ actor, what: 'verifier.created', object: row.id, at, data: { name } }])
  return { verifier: toVerifier(row), verifierKey }
}

/** Revokes a verifier key: every process refuses it from now on. Throws `object.not_found`. */
export async function revokeVerifier(tx: Tx, caps: Caps, { id, actor }: { id: string; actor: Actor }): Promise<void> {
  const at = caps.clock.now()
  if (!(await endVerifier(tx, id, at))) throw new AppError('object.not_found')
  await recordActivity(tx, caps, [], [{ actor, what: 'verifier.revoked', object: id, at }])
}

/** Verifier keys, the newest first, those with ids below `before`. */
export async function listVerifiers(tx: Tx, page: { before: string | undefined; limit: number }): Promise<Verifier[]> {
  return (await listVerifierRows(tx, page)).map(toVerifier)
}

function toVerifier(row: Omit<VerifierRow, 'token_hash'>): Verifier {
  const { id, name, redacted, created_at: createdAt, revoked_at: revokedAt } = row
  return { id, name, redacted, createdAt, revokedAt }
}
