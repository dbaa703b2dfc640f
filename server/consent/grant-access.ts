import type { Provider } from 'oidc-provider'
import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import type { Installation } from '../installs/installation.ts'
import { lockLiveInstallation } from '../installs/lock-installation.ts'
import { apiResource } from '../oauth/api-resource.ts'
import { linkGrant } from '../oauth/grants.ts'
import { withTransaction } from '../oauth/request-context.ts'

export type GrantAccess = {
  installation: Installation
  permissions: readonly string[]
  /** Absent for `prompt=none`. */
  interactionUid?: string
  userId: string
}

/**
 * Grants the platform OAuth access to an installation, in the caller's transaction. It locks the installation, so that
 * no grant is made after its uninstall has revoked the others. Returns the grant's id.
 */
export async function grantAccess(
  tx: Tx,
  { provider, clock, publicUrl }: Pick<Caps, 'clock'> & { provider: Provider; publicUrl: string },
  { installation, permissions, interactionUid, userId }: GrantAccess,
): Promise<string> {
  await lockLiveInstallation(tx, installation.id)
  const granted = installation.permissions.filter(name => permissions.includes(name))
  const grant = new provider.Grant({ accountId: userId, clientId: installation.appId })
  grant.addOIDCScope(['openid', 'offline_access', ...granted].join(' '))
  if (granted.length > 0) grant.addResourceScope(apiResource(publicUrl), granted.join(' '))
  grant.rar = [
    {
      type: 'installation',
      installation_id: installation.id,
      account_id: installation.accountId,
      mode: installation.mode,
      generation: installation.generation,
      permissions: granted,
    },
  ]
  const grantId = await withTransaction(tx, () => grant.save())
  const link = { grantId, installationId: installation.id, interactionUid: interactionUid ?? grantId, userId }
  await linkGrant(tx, { ...link, at: clock.now() })
  return grantId
}
