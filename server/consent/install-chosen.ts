import { findRecipientKey, type RecipientCaps } from '../../apps-registry/current-recipient.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { Session } from '../accounts/sessions.ts'
import { AppError } from '../base/errors.ts'
import { installApp } from '../installs/install-app.ts'
import type { Installation } from '../installs/installation.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import type { Answer } from './consent-answer.ts'
import type { Consideration } from './consider-install.ts'

type InstallCaps = RecipientCaps & MintCaps

/** Installs, or finds the existing installation, and runs `also` in the same transaction. */
export async function installChosen<Outcome>(
  caps: InstallCaps,
  considered: Consideration,
  answer: Answer,
  session: Session,
  also: (tx: Tx, installation: Installation) => Promise<Outcome>,
): Promise<{ installation: Installation; outcome: Outcome }> {
  const { app, target } = considered
  if (!target) {
    const { account } = session.memberships.find(member => member.account.id === answer.account) ?? session.current
    await caps.database.read(tx => requireAbility(tx, session.user.id, account.id, 'install', considered.asked[0])) // throws if the role is the reason
    throw new AppError('app.not_installable', {
      detail: 'Nothing was installed. None of your accounts can install this app.',
    })
  }
  const chosen = considered.asked.find(mode => mode === answer.mode) ?? target.mode
  if (chosen !== target.mode)
    // the role allows the other one only
    await caps.database.read(tx => requireAbility(tx, session.user.id, target.accountId, 'install', chosen))
  const seals = !considered.existing && app.manifest.managed_keys.length > 0
  const recipient = seals ? await findRecipientKey(caps, app) : undefined
  return await caps.database.transaction(async tx => {
    const { installation } = await installApp(tx, caps, {
      ...target,
      permissions: considered.permissions,
      version: answer.version ?? app.version,
      recipient,
      kept: answer.kept,
      actor: { type: 'user', id: session.user.id, ip: session.ip },
    })
    return { installation, outcome: await also(tx, installation) }
  })
}
