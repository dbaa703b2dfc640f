import { findApp } from '../../apps-registry/find-app.ts'
import type { RecipientKey } from '../../apps-registry/recipient-key.ts'
import type { Tx } from '../../db/connect.ts'
import { requireAbility } from '../accounts/roles.ts'
import type { Member } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import { AppError } from '../base/errors.ts'
import { sendAgainNow } from '../deliveries/send-again-now.ts'
import { namesOfDeliveredKeys } from '../keys/list-keys.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import { mintKeys } from './install-app.ts'
import type { Installation } from './installation.ts'
import { moveInstallation } from './installation-store.ts'
import { lockInstallation } from './lock-installation.ts'
import { tellPlatform } from './tell-platform.ts'

export type RetryInstallation = {
  installationId: string
  recipient: RecipientKey | undefined
  actor: Member
}

/**
 * *Try again* after a failed delivery: mints a new key for every undelivered key, sealed to the platform's current public key.
 */
export async function retryInstallation(tx: Tx, caps: MintCaps, command: RetryInstallation): Promise<Installation> {
  const at = caps.clock.now()
  const installation = await ownInstallation(tx, command)
  const app = await findApp(tx, installation.appId)
  if (!app || (app.status !== 'published' && app.status !== 'draft' && app.status !== 'in_review'))
    throw new AppError('app.not_installable')
  if (!(await moveInstallation(tx, installation.id, 'retry', at))) return installation // a second click, or the delivery succeeded since
  const names = app.manifest.managed_keys.map(({ name }) => name)
  const delivered = await namesOfDeliveredKeys(tx, installation.id, names, at)
  const missing = new Set(names.filter(name => !delivered.has(name)))
  const news = await mintKeys(tx, caps, app, installation, command.recipient, missing)
  await tellPlatform(tx, caps, app, installation, news.length > 0 ? news : [{ type: 'installation.updated' }])
  await recordActivity(
    tx,
    caps,
    [installation.accountId, app.platform.accountId],
    [
      {
        actor: command.actor,
        what: 'installation.retried',
        object: installation.id,
        app: app.id,
        at,
        data: { keys: news.length },
      },
    ],
  )
  return { ...installation, status: 'installing' }
}

/** *Send again now* while retries are scheduled. Does not end the pause after a 410; only the platform can. */
export async function hurryInstallation(
  tx: Tx,
  caps: Pick<MintCaps, 'clock'>,
  command: Omit<RetryInstallation, 'recipient'>,
): Promise<void> {
  const installation = await ownInstallation(tx, command)
  await sendAgainNow(tx, installation.id, caps.clock.now())
}

async function ownInstallation(tx: Tx, command: Omit<RetryInstallation, 'recipient'>): Promise<Installation> {
  const installation = await lockInstallation(tx, command.installationId)
  if (!installation || installation.accountId !== command.actor.accountId) throw new AppError('object.not_found')
  await requireAbility(tx, command.actor.id, installation.accountId, 'install', installation.mode)
  return installation
}
