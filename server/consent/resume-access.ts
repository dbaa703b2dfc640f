import type { Provider } from 'oidc-provider'
import { findApp, isDraft, isInstallableIn } from '../../apps-registry/find-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { membershipsWith } from '../accounts/roles.ts'
import type { Session } from '../accounts/sessions.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { findInstalled } from '../installs/find-installation.ts'
import type { Installation } from '../installs/installation.ts'
import { hasAgreedBefore } from '../oauth/grants.ts'
import { readInstallationRequest } from '../oauth/installation-request.ts'
import type { SilentAccess } from '../oauth/prompts.ts'
import { grantAccess } from './grant-access.ts'

export type ResumeAccess = { appId: string; params: Record<string, unknown>; session: Session }

/**
 * Grants access without a page (`prompt=none`): if the app is installed in exactly one account of this person, they have
 * consented before, and the request asks for nothing that the installation lacks.
 */
export async function resumeAccess(
  database: Database,
  caps: Pick<Caps, 'clock'> & { provider: Provider; publicUrl: string },
  command: ResumeAccess,
): Promise<SilentAccess> {
  return await database.transaction(work).catch(error => {
    if (error instanceof AppError && error.code === 'installation.not_active') return { error: 'consent_required' } // uninstalled meanwhile
    throw error
  })

  async function work(tx: Tx): Promise<SilentAccess> {
    const { installations, permissions } = await findAgreed(tx, command)
    const [installation, ...others] = installations
    if (others.length > 0) return { error: 'account_selection_required' }
    if (!installation || permissions.some(name => !installation.permissions.includes(name)))
      return { error: 'consent_required' }
    const { id: userId } = command.session.user
    return { grantId: await grantAccess(tx, caps, { installation, permissions, userId }) }
  }
}

async function findAgreed(
  tx: Tx,
  { appId, params, session }: ResumeAccess,
): Promise<{ installations: Installation[]; permissions: string[] }> {
  const app = await findApp(tx, appId)
  if (!app) return { installations: [], permissions: [] }
  const all = app.manifest.permissions.map(({ name }) => name)
  const { mode = isDraft(app) ? 'test' : 'live', permissions } = readInstallationRequest(params, all)
  const installations: Installation[] = []
  for (const { account } of membershipsWith(session, 'install', mode)) {
    const found = isInstallableIn(app, account.id) && (await findInstalled(tx, { appId, accountId: account.id, mode }))
    if (found && (await hasAgreedBefore(tx, found.id, session.user.id))) installations.push(found)
  }
  return { installations, permissions }
}
