import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { JWTPayload } from 'jose'
import { Webhook } from 'standardwebhooks'
import type { SealedSecret } from './open-secret.ts'

export type EventBody = {
  type: string
  timestamp: string
  data: {
    installation?: { id: string; generation: number; account_id: string; app_id: string; mode: string }
    sequence?: number
    key?: { id: string; name: string; redacted: string; permissions: string[]; expires_at: string | null }
    encrypted_secret?: SealedSecret
    replaced?: { id: string; expires_at: string | null }
    keys?: { id: string; outcome: string; expires_at: string | null }[]
    reason?: string
    [member: string]: unknown
  }
}

export type ReceivedEvent = {
  /** The `webhook-id` header. */
  id: string
  type: string
  body: EventBody
  headers: IncomingHttpHeaders
  raw: string
  /** Whether `webhook-signature` is that of `receiver.secret`. */
  verified: boolean
  /**
   * The plaintext key, once the JWE is decrypted and the JWS within is verified as the issuer's, for this app and key.
   */
  key: string | null
  claims: JWTPayload | null
  /** Why it was not verified or not decrypted. */
  faults: string[]
  at: Date
}

export function parseEvent(raw: string): EventBody | undefined {
  try {
    const body = JSON.parse(raw) as EventBody
    return typeof body.type === 'string' && typeof body.data === 'object' ? body : undefined
  } catch {
    return undefined
  }
}

/** Standard Webhooks, with the timestamp checked against the given time: the library only knows the system's. */
export function verifySignature(
  secret: string | undefined,
  headers: IncomingHttpHeaders,
  raw: string,
  now: Date,
): void {
  if (secret === undefined) throw new Error('receiver.secret is not set')
  const [id, seconds, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map(name => headers[name])
  if (typeof id !== 'string' || typeof seconds !== 'string' || typeof signatures !== 'string') {
    throw new Error('a Standard Webhooks header is missing')
  }
  if (!/^\d+$/.test(seconds) || Math.abs(now.getTime() / 1000 - Number(seconds)) > 300) {
    throw new Error(`webhook-timestamp ${seconds} is not within five minutes of ${now.toISOString()}`)
  }
  const expected = Buffer.from(new Webhook(secret).sign(id, new Date(Number(seconds) * 1000), raw))
  const genuine = signatures.split(' ').some(signature => {
    const given = Buffer.from(signature)
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
  if (!genuine) throw new Error('no signature is that of receiver.secret')
  if (Math.abs(Date.now() / 1000 - Number(seconds)) < 300) new Webhook(secret).verify(raw, { ...headers } as never)
}
