import type { Tx } from '../../db/connect.ts'
import { isoTime } from '../base/clock.ts'
import type { Mode } from '../base/mode.ts'
import { hashSecret, isWellFormedSecret } from '../base/secret-format.ts'
import { statusAt } from './key-states.ts'
import { findKeyByHash, findKeyRow, type Key } from './key-store.ts'

export type RefusalCode =
  | 'malformed'
  | 'not_found'
  | 'expired'
  | 'suspended'
  | 'frozen'
  | 'insufficient_permissions'
  | 'ip_not_allowed'
  | 'rate_limited'

export type Verdict =
  | {
      valid: true
      key_id: string
      type: 'managed' | 'restricted'
      account_id: string
      installation_id: string | null
      app_id: string | null
      mode: Mode
      permissions: string[]
      expires_at: string | null
    }
  | { valid: false; code: RefusalCode }

/** Verifies a well-formed key against the database; the codes are tried in the order of WIRE "Verification". */
export async function verifyKey(
  tx: Tx,
  presented: { key: string; permission?: string | undefined },
  at: number,
): Promise<Verdict> {
  const key = await findKeyByHash(tx, hashSecret(presented.key))
  if (!key) return { valid: false, code: 'not_found' }
  if (statusAt(key, at) === 'expired') return { valid: false, code: 'expired' }
  if (key.suspended) return { valid: false, code: 'suspended' }
  if (key.frozenAt !== null) return { valid: false, code: 'frozen' }
  if (presented.permission !== undefined && !key.permissions.includes(presented.permission)) {
    return { valid: false, code: 'insufficient_permissions' }
  }
  return {
    valid: true,
    key_id: key.id,
    type: key.kind,
    account_id: key.accountId,
    installation_id: key.installationId,
    app_id: key.appId,
    mode: key.mode,
    permissions: key.permissions,
    expires_at: key.expiresAt === null ? null : isoTime(key.expiresAt),
  }
}

/** The key itself, where whoever shows it may use it now. */
export async function findPresentedKey(tx: Tx, presented: string, at: number): Promise<Key | undefined> {
  if (!isWellFormedSecret(presented)) return undefined
  const verdict = await verifyKey(tx, { key: presented }, at)
  return verdict.valid ? await findKeyRow(tx, verdict.key_id) : undefined
}
