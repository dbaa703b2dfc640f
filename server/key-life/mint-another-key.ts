import { findApp } from '../../apps-registry/find-app.ts'
import type { RecipientKey } from '../../apps-registry/recipient-key.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import { AppError } from '../base/errors.ts'
import { eventKey } from '../deliveries/event.ts'
import { lockInstallation } from '../installs/lock-installation.ts'
import { tellPlatform } from '../installs/tell-platform.ts'
import type { Key } from '../keys/find-keys.ts'
import { type MintCaps, mintManagedKey } from '../keys/mint-key.ts'
import type { EncryptedSecret } from '../keys/seal-key.ts'
import { requireGranted } from './granted-permissions.ts'

export type MintAnotherKey = {
  installationId: string
  name: string
  /** Absent: all of the installation's. */
  permissions: string[] | undefined
  /** Permissions of the caller's token; absent: all that the installation has. */
  atMost?: readonly string[] | undefined
  /** The deadline, in milliseconds. */
  expiresAt: number | null
  note: string | null
  recipient: RecipientKey
  actor: Actor
}

/**
 * Mints one more key for an installation, with at most the granted permissions and those of the token. Throws
 * `installation.not_active` and `permission.not_granted`.
 */
export async function mintAnotherKey(
  tx: Tx,
  caps: MintCaps,
  command: MintAnotherKey,
): Promise<{ key: Key; sealed: EncryptedSecret }> {
  const at = caps.clock.now()
  const installation = await lockInstallation(tx, command.installationId)
  if (installation?.status !== 'active' && installation?.status !== 'installing')
    throw new AppError('installation.not_active')
  const app = await findApp(tx, installation.appId)
  if (app?.status === 'suspended') throw new AppError('installation.not_active')
  if (!app) throw new AppError('object.not_found')
  const { atMost = installation.permissions } = command
  const granted = installation.permissions.filter(name => atMost.includes(name))
  const asked = command.permissions ?? granted
  const stray = asked.find(name => !granted.includes(name))
  if (stray !== undefined)
    throw new AppError('permission.not_granted', {
      detail: installation.permissions.includes(stray)
        ? `This token does not speak for ${stray}.`
        : `The account has not granted ${stray}.`,
    })
  const permissions = granted.filter(name => asked.includes(name))
  requireGranted(permissions, atMost)
  const { name, recipient, expiresAt, note } = command
  const { key, sealed } = await mintManagedKey(tx, caps, {
    installation,
    name,
    permissions,
    recipient,
    expiresAt,
    note,
  })
  await tellPlatform(tx, caps, app, installation, [
    { type: 'managed_key.created', details: { key: eventKey(key), encrypted_secret: sealed }, keyId: key.id },
  ])
  await recordActivity(
    tx,
    caps,
    [installation.accountId, app.platform.accountId],
    [{ actor: command.actor, what: 'key.created', object: key.id, app: app.id, at, data: { name, permissions } }],
  )
  return { key, sealed }
}
