import type { Request, RequestHandler, Response } from 'express'
import { Webhook } from 'standardwebhooks'
import { applyEvent } from './apply-event.ts'
import type { AtRest } from './at-rest.ts'
import { bringsKey, type Event, parseEvent } from './event.ts'
import type { Latchkey } from './latchkey.ts'
import { openSealedKey, SealedKeyError } from './open-sealed-key.ts'
import type { Secrets } from './secrets.ts'
import type { State, Store } from './store.ts'

const eventsKept = 1000

/** The dependencies of the receiver. */
export interface ReceiverDeps {
  secrets: Secrets
  webhookSecret: string
  clientId: string
  latchkey: () => Promise<Latchkey>
  atRest: AtRest
  store: Store
}

/**
 * Receives Latchkey's events (Standard Webhooks): verifies the signature, drops duplicates, decrypts, stores, and only
 * then responds 204. Needs the raw body, because the signature covers its bytes. After any other response Latchkey
 * retries.
 */
export function receiveEvents(deps: ReceiverDeps): RequestHandler {
  return async (req, res) => {
    const body = verifiedBody(req, deps.webhookSecret)
    if (body === undefined) return refuse(res, 401, 'invalid_signature')
    const id = req.get('webhook-id') as string
    if (isKnown(deps.store.read(), id)) return acknowledge(res)

    const event = parseJson(body)
    if (event === undefined) return refuse(res, 400, 'invalid_event')
    if (event.type !== 'other' && event.data.installation.app_id !== deps.clientId) return refuse(res, 422, 'other_app')
    try {
      const locked = bringsKey(event) ? await deps.atRest.lock(await openKey(event, deps)) : null
      await deps.store.update(state => remember(state, id, event, locked, new Date()))
    } catch (error) {
      return refuseKey(res, error)
    }
    acknowledge(res)
  }
}

/** The body, if Latchkey signed it within the last five minutes. */
function verifiedBody(req: Request, secret: string): string | undefined {
  if (!Buffer.isBuffer(req.body)) return undefined
  const body = req.body.toString('utf8')
  const headers = {
    'webhook-id': req.get('webhook-id') ?? '',
    'webhook-timestamp': req.get('webhook-timestamp') ?? '',
    'webhook-signature': req.get('webhook-signature') ?? '',
  }
  try {
    new Webhook(secret).verify(body, headers, { jsonParse: false })
    return body
  } catch {
    return undefined
  }
}

function parseJson(body: string): Event | undefined {
  try {
    return parseEvent(JSON.parse(body))
  } catch {
    return undefined
  }
}

async function openKey(event: Parameters<typeof openSealedKey>[0], { secrets, latchkey }: ReceiverDeps) {
  const known = await latchkey().catch((cause: unknown) => {
    throw new SealedKeyError('Latchkey does not answer', { temporary: true, cause })
  })
  return openSealedKey(event, secrets.decryptionKeys, known)
}

function remember(state: State, id: string, event: Event, locked: string | null, now: Date): void {
  // The same event may have arrived twice at once; the second finds it stored.
  if (isKnown(state, id)) return
  const applied = event.type === 'other' || applyEvent(state, event, locked, now)
  const about =
    event.type === 'other'
      ? { type: event.name, installation_id: null, sequence: null }
      : { type: event.type, installation_id: event.data.installation.id, sequence: event.data.sequence }
  state.events.unshift({ id, ...about, received_at: now.toISOString(), applied })
  state.events.splice(eventsKept)
}

function isKnown({ events }: State, id: string): boolean {
  return events.some(event => event.id === id)
}

function acknowledge(res: Response): void {
  res.status(204).end()
}

function refuseKey(res: Response, error: unknown): void {
  // Never log the cause itself: the error of a failed decryption may contain plaintext.
  console.error(`Event refused: ${error instanceof SealedKeyError ? error.message : 'it could not be stored'}`)
  if (error instanceof SealedKeyError && !error.temporary) refuse(res, 422, 'sealed_key_refused')
  else refuse(res.set('Retry-After', '30'), 503, 'try_again')
}

function refuse(res: Response, status: number, code: string): void {
  res
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', status, code }))
}
