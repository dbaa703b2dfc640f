import { Webhook } from 'standardwebhooks'
import { openWebhookSecrets } from '../../apps-registry/app-secrets.ts'
import type { App } from '../../apps-registry/find-app.ts'
import type { Caps } from '../base/caps.ts'
import { SECOND } from '../base/clock.ts'
import type { Keyring } from '../base/keyring.ts'
import { type Outbound, OutboundError } from '../base/outbound.ts'
import type { ClaimedDelivery } from './claim-store.ts'

/** How one attempt went. */
export type Attempted = {
  delivery: ClaimedDelivery
  /** Where it went; absent where the app has no address any more. */
  address: string | undefined
  status: number | null
  error: string | null
  retryAfter: string | undefined
  body: string
  /** When the status of the answer was there, or it was clear that there is none. */
  at: number
  ms: number
}

/** An attempt whose outcome is known while the body of the answer may still be on its way. It never rejects. */
export type Answered = Omit<Attempted, 'body'> & { body: Promise<string> }

const NO_BODY = Promise.resolve('')

const opened = new WeakMap<App, Webhook[]>()

/** Opened once for all deliveries that were claimed with this reading of the app; the next claim reads it anew. */
function signersOf(keyring: Keyring, app: App, at: number): Webhook[] {
  const known = opened.get(app)
  if (known) return known
  const signers = openWebhookSecrets(keyring, app, at).map(secret => new Webhook(secret))
  opened.set(app, signers)
  return signers
}

/** Makes one attempt of a leased delivery, outside any transaction. Whatever the platform does, it does not throw. */
export async function attemptDelivery(
  { clock, keyring, outbound }: Pick<Caps, 'clock' | 'keyring'> & { outbound: Outbound },
  delivery: ClaimedDelivery,
  app: App | undefined,
): Promise<Answered> {
  const [start, begun] = [clock.now(), clock.monotonic()]
  const address = app?.client.key_delivery_uri
  const told = (answer: Pick<Answered, 'status' | 'error'> & Partial<Answered>): Answered => {
    const ms = Math.round(clock.monotonic() - begun)
    return { delivery, address, retryAfter: undefined, body: NO_BODY, ...answer, at: clock.now(), ms }
  }
  if (!app || !address) return told({ status: null, error: 'no_address' })
  const id = delivery.event_id
  const signers = signersOf(keyring, app, start)
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Latchkey',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(start / SECOND)),
    'webhook-signature': signers.map(signer => signer.sign(id, new Date(start), delivery.body)).join(' '),
  }
  try {
    const { status, retryAfter, body } = await outbound.post(address, headers, delivery.body)
    const error = status >= 200 && status < 300 ? null : status >= 300 && status < 400 ? 'redirect' : 'status'
    return told({ status, error, retryAfter, body })
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return told({ status: null, error: error.fault })
  }
}
