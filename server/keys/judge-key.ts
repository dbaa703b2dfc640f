import { isoTime } from '../base/clock.ts'
import type { Mode } from '../base/mode.ts'
import { type Deadlines, type KeyStatus, statusAt } from './key-states.ts'

/** What decides whether a key is valid, small enough to keep a million in memory. */
export type KeyRecord = Deadlines & {
  id: string
  kind: 'managed' | 'restricted'
  accountId: string
  installationId: string | null
  appId: string | null
  mode: Mode
  permissions: string[]
  status: KeyStatus
  frozen: boolean
  /** Its installation or its app is suspended. */
  suspended: boolean
  /** Whether an address is on the key's allowlist; absent for most keys, which have none. */
  allows: ((address: string) => boolean) | null
}

/** A verification request: may this key do this, from this address? */
export type Question = { permission?: string | undefined; ip?: string | undefined }

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

/** Decides about a known key at one moment. */
export function judge(key: KeyRecord, question: Question, at: number): Verdict {
  const code = refusalOf(key, question, at)
  return code === undefined ? validVerdict(key) : { valid: false, code }
}

/**
 * Why a known key is refused at one moment, if it is; the codes are tried in the order of docs/wire.md#verification. A key with
 * an allowlist is refused if the question has no address.
 */
export function refusalOf(key: KeyRecord, { permission, ip }: Question, at: number): RefusalCode | undefined {
  if (statusAt(key, at) === 'expired') return 'expired'
  if (key.suspended) return 'suspended'
  if (key.frozen) return 'frozen'
  if (permission !== undefined && !key.permissions.includes(permission)) return 'insufficient_permissions'
  if (key.allows && (ip === undefined || !key.allows(ip))) return 'ip_not_allowed'
  return undefined
}

/** The verdict on a valid key; it does not depend on the question. */
export function validVerdict(key: KeyRecord): Verdict {
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
