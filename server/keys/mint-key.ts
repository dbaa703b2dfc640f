import type { RecipientKey } from '../../apps-registry/recipient-key.ts'
import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import type { Mode } from '../base/mode.ts'
import { hashSecret, mintSecret, redactSecret } from '../base/secret-format.ts'
import type { SigningKeys } from '../oauth/signing-keys.ts'
import { type KeyLimits, requireRoom } from './key-limits.ts'
import { insertKey, type Key, newKey } from './key-store.ts'
import { type EncryptedSecret, sealKey } from './seal-key.ts'

export type MintCaps = Caps & { signing: SigningKeys; publicUrl: string; keyBrand: string; keyLimits: KeyLimits }

export type MintKey = {
  installation: { id: string; appId: string; accountId: string; mode: Mode }
  name: string
  permissions: string[]
  recipient: RecipientKey
  expiresAt?: number | null
  replaces?: string | null
  /** The key that it replaces ends in the same transaction, so the number of keys stays the same. */
  instead?: boolean
  note?: string | null
  /** The allowed addresses; absent: any. */
  addresses?: string[] | null
}

/**
 * Mints a managed key and seals it in the same step. The plaintext lives in this function only; what leaves it is the
 * row, with a hash, and the sealed form (docs/rules.md#secrecy). Throws `permission.not_granted` if the key could do nothing,
 * and `key.limit`.
 */
export async function mintManagedKey(
  tx: Tx,
  caps: MintCaps,
  command: MintKey,
): Promise<{ key: Key; sealed: EncryptedSecret }> {
  const { installation } = command
  if (command.permissions.length === 0)
    throw new AppError('permission.not_granted', { detail: 'A key needs at least one permission.' })
  const { id: installationId, accountId } = installation
  if (!command.instead) await requireRoom(tx, caps, { accountId, installationId, replaces: command.replaces ?? null })
  const at = caps.clock.now()
  const id = caps.ids.next('key')
  const plaintext = mintSecret(caps.random, `${caps.keyBrand}m_${installation.mode}_`)
  const claims = { issuer: caps.publicUrl, appId: installation.appId, installationId: installation.id, keyId: id, at }
  const sealed = await sealKey(plaintext, command.recipient, caps.signing.current, claims)
  const key = newKey({
    id,
    kind: 'managed',
    accountId,
    installationId,
    appId: installation.appId,
    mode: installation.mode,
    name: command.name,
    redacted: redactSecret(plaintext),
    permissions: command.permissions,
    expiresAt: command.expiresAt ?? null,
    createdAt: at,
    replaces: command.replaces ?? null,
    note: command.note ?? null,
    addresses: command.addresses ?? null,
  })
  await insertKey(tx, key, hashSecret(plaintext))
  return { key, sealed }
}
