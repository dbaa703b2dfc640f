import type { App } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/actor.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import { insertDelivery, insertEvent } from './delivery-store.ts'
import { pingBody } from './event.ts'

/**
 * *Send test delivery*: a `ping` to the app's address, signed and logged like any event. It has one attempt, is sent even while
 * the app is paused after a 410, and ends that pause when it is acknowledged. Returns the delivery's id. Throws `app.retired`
 * and `app.no_address`.
 */
export async function sendPing(tx: Tx, caps: Caps, { app, actor }: { app: App; actor: Actor }): Promise<string> {
  if (app.status === 'retired') throw new AppError('app.retired', { detail: 'Nothing was sent: the app is retired.' })
  if (!app.client.key_delivery_uri)
    throw new AppError('app.no_address', { detail: 'Nothing was sent: the app has no key delivery address.' })
  const { clock, ids } = caps
  const at = clock.now()
  const body = pingBody(at, { id: app.id, name: app.manifest.client_name })
  const event = {
    id: ids.next('evt'),
    type: 'ping',
    appId: app.id,
    installationId: null,
    sequence: null,
    body,
    at,
  } as const
  const id = ids.next('dlv')
  await insertEvent(tx, event)
  await insertDelivery(tx, { id, event, keyId: null })
  await recordActivity(
    tx,
    caps,
    [app.platform.accountId],
    [{ actor, what: 'app.test_delivery_sent', object: app.id, at }],
  )
  return id
}
