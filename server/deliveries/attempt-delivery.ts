import { Webhook } from 'standardwebhooks'
import { openWebhookSecrets } from '../../apps-registry/app-secrets.ts'
import type { App } from '../../apps-registry/find-app.ts'
import { isFixedHost } from '../base/addresses.ts'
import type { Caps } from '../base/caps.ts'
import { SECOND } from '../base/clock.ts'
import type { Keyring } from '../base/keyring.ts'
import type { Log } from '../base/log.ts'
import { type Outbound, OutboundError, type OutboundFault } from '../base/outbound.ts'
import type { ClaimedDelivery } from './claim-store.ts'
import { type Outcome, outcomeOfAnswer, outcomeOfFault } from './outcome.ts'

/** A finished attempt. */
export type Attempted = {
  delivery: ClaimedDelivery
  outcome: Outcome
  /** The stored part of the response body. */
  body: string
  /** When the status arrived or the attempt failed. */
  at: number
  ms: number
}

/** An attempt with a known outcome; the body of the response may still be arriving. Never rejects. */
export type Answered = Omit<Attempted, 'body'> & { body: Promise<string> }

const NO_BODY = Promise.resolve('')

const opened = new WeakMap<App, Webhook[]>()

/** Opened once for all deliveries of a claim; the next claim reads the app again. */
function signersOf(keyring: Keyring, app: App, at: number): Webhook[] {
  const known = opened.get(app)
  if (known) return known
  const signers = openWebhookSecrets(keyring, app, at).map(secret => new Webhook(secret))
  opened.set(app, signers)
  return signers
}

/** Makes one attempt of a leased delivery, outside any transaction. It never throws. */
export async function attemptDelivery(
  { clock, keyring, outbound, log }: Pick<Caps, 'clock' | 'keyring'> & { outbound: Outbound; log: Log },
  delivery: ClaimedDelivery,
  app: App | undefined,
): Promise<Answered> {
  const [start, begun] = [clock.now(), clock.monotonic()]
  const address = app?.client.key_delivery_uri
  const end = (outcome: Outcome, body = NO_BODY): Answered => {
    return { delivery, outcome, body, at: clock.now(), ms: Math.round(clock.monotonic() - begun) }
  }
  if (!app || !address) return end({ kind: 'unsent', error: 'no_address' })
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
    return end(outcomeOfAnswer(status, retryAfter, address), body)
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    if (NOT_CALLED.includes(error.fault)) logNotCalled(log, delivery, address, error)
    return end(outcomeOfFault(publicFault(error.fault, address)))
  }
}

/** Nothing was sent: the name has no address, or a refused one. */
const NOT_CALLED: readonly OutboundFault[] = ['dns', 'address_refused']

function logNotCalled(log: Log, delivery: ClaimedDelivery, address: string, { fault }: OutboundError): void {
  const fields = { delivery: delivery.id, app: delivery.app_id, host: new URL(address).hostname, fault }
  log.warn(fields, 'an attempt was not sent: its host has no allowed address')
}

/**
 * The same code for a name with an internal address and for an unknown name, so that a platform cannot probe which names exist
 * inside.
 */
function publicFault(fault: OutboundFault, address: string): OutboundFault {
  return fault === 'address_refused' && !isFixedHost(new URL(address).hostname) ? 'dns' : fault
}
