import { isDeepStrictEqual } from 'node:util'
import type { Actor } from '../server/audit/actor.ts'
import type { Act } from '../server/audit/record-activity.ts'
import type { App } from './app-store.ts'
import { parseJwks, type RecipientKey } from './recipient-key.ts'

/** Where an app's managed keys are sent: the delivery host and the recipient key. */
export type KeyDestination = { host: string; recipient: RecipientKey | undefined }

/** From the registration and the last content of `jwks_uri`. */
export async function destinationOf({ client, jwks }: App): Promise<KeyDestination> {
  const parsed = client.jwks_uri ? await parseJwks(jwks, 'jwks_uri') : await parseJwks(client['jwks'], 'jwks')
  return {
    host: client.key_delivery_uri ? new URL(client.key_delivery_uri).host : '',
    recipient: parsed.fault ? undefined : parsed.recipient,
  }
}

/** Log entries for the accounts with keys of an app when its recipient key or delivery host changes. */
export function destinationActs(
  before: KeyDestination,
  after: KeyDestination,
  act: { actor: Actor; object: string; at: number },
): Act[] {
  const acts: Act[] = []
  if (before.host !== after.host)
    acts.push({ ...act, what: 'app.delivery_host_changed', data: { from: before.host, to: after.host } })
  if (!isDeepStrictEqual(before.recipient, after.recipient)) {
    const data = { from: before.recipient?.kid ?? null, to: after.recipient?.kid ?? null }
    acts.push({ ...act, what: 'app.recipient_key_changed', data })
  }
  return acts
}
