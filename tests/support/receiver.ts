import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { type CryptoKey, createRemoteJWKSet, exportJWK, generateKeyPair, type JWK, type JWTPayload } from 'jose'
import { type Expectation, openSecret, type SealedSecret } from './open-secret.ts'
import { parseEvent, type ReceivedEvent, verifySignature } from './received-event.ts'
import { type Behaviour, respond } from './receiver-behaviour.ts'

export type Attempt = {
  method: string
  path: string
  headers: IncomingHttpHeaders
  raw: string
  /** Absent if the body is no event. */
  event?: ReceivedEvent
  answered: number | 'hang' | 'drop'
  at: Date
}

export type Encryption = 'ECDH-ES+A256KW' | 'RSA-OAEP-256' | 'X25519'

export type Receiver = AsyncDisposable & {
  /** The `key_delivery_uri`. */
  readonly url: string
  /** A `jwks_uri` with the same keys as `publicJwks()`. */
  readonly jwksUrl: string
  /** The `webhook_secret`; events before it is set are not verified. */
  secret: string | undefined
  /** The issuer, without which nothing is decrypted. */
  issuer: string | undefined
  /** The time for checking timestamps; for tests that advance the clock. */
  now: () => Date
  /** Every event acknowledged with 2xx, in the order of arrival, duplicates included. */
  readonly events: ReceivedEvent[]
  /** Every request with its response, for any path and outcome. */
  readonly attempts: Attempt[]
  readonly privateSigningKey: { key: CryptoKey; kid: string }
  publicJwks(): { keys: JWK[] }
  /** Queues the responses to the next POSTs; later ones are `ok`. */
  behave(...steps: Behaviour[]): void
  /** The `count`th acknowledged event of a type. */
  waitFor(type: string, count?: number, timeoutMs?: number): Promise<ReceivedEvent>
  /** The `count`th request, acknowledged or not. */
  waitForAttempt(count: number, timeoutMs?: number): Promise<Attempt>
  /**
   * Decrypts an `encrypted_secret` from any source, such as the response of a mint, and returns the claims; throws if
   * that fails.
   */
  open(sealed: SealedSecret, expected: Expectation): Promise<JWTPayload & { key: string }>
  /** Publishes a new encryption key in place of the current one; secrets sealed to earlier keys still decrypt. */
  rotateEncryptionKey(encryption?: Encryption): Promise<void>
  close(): Promise<void>
}

type EncryptionKey = { publicJwk: JWK; privateKey: CryptoKey }

/** A platform's callback server on a free port of 127.0.0.1; it shares no code with the product. */
export async function startReceiver(options: { encryption?: Encryption; issuer?: string } = {}): Promise<Receiver> {
  const signing = await generateKeyPair('ES256', { extractable: true })
  const signingKid = crypto.randomUUID()
  const signingJwk: JWK = { ...(await exportJWK(signing.publicKey)), kid: signingKid, use: 'sig', alg: 'ES256' }
  let current = await createEncryptionKey(options.encryption ?? 'ECDH-ES+A256KW')
  const privateKeys = new Map([[current.publicJwk.kid, current.privateKey]])
  const jwksOf = new Map<string, ReturnType<typeof createRemoteJWKSet>>()
  const queue: Behaviour[] = []
  const arrivals = new EventEmitter().setMaxListeners(0)

  const server = createServer((request, response) => {
    answer(request, response).catch(fault => response.destroy(fault as Error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  const origin = `http://127.0.0.1:${address.port}`

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request
    if (method === 'GET' && path === '/jwks') {
      response.setHeader('content-type', 'application/jwk-set+json').end(JSON.stringify(receiver.publicJwks()))
      return
    }
    const delivery = method === 'POST' && path === '/callback'
    const step: Behaviour = delivery ? (queue.shift() ?? 'ok') : { status: 404 }
    const raw = Buffer.concat(await request.toArray()).toString()
    const event = delivery ? await readEvent(headers, raw) : undefined
    const refused = step === 'ok' && receiver.secret !== undefined && event?.verified !== true
    const answered = await respond(response, refused ? { status: 401 } : step, `${origin}/elsewhere`)
    receiver.attempts.push({ method, path, headers, raw, ...(event && { event }), answered, at: receiver.now() })
    if (event && typeof answered === 'number' && answered >= 200 && answered < 300) receiver.events.push(event)
    arrivals.emit('arrival')
  }

  async function readEvent(headers: IncomingHttpHeaders, raw: string): Promise<ReceivedEvent | undefined> {
    const body = parseEvent(raw)
    if (!body) return undefined
    const event: ReceivedEvent = {
      id: String(headers['webhook-id']),
      type: body.type,
      body,
      headers,
      raw,
      verified: false,
      key: null,
      claims: null,
      faults: [],
      at: receiver.now(),
    }
    try {
      verifySignature(receiver.secret, headers, raw, receiver.now())
      event.verified = true
    } catch (fault) {
      event.faults.push(String(fault))
    }
    const { installation, key, encrypted_secret: sealed } = body.data
    if (!sealed) return event
    try {
      if (!installation || !key) throw new Error('a sealed secret without its installation or key')
      const expected = { appId: installation.app_id, installationId: installation.id, keyId: key.id }
      event.claims = await receiver.open(sealed, expected)
      event.key = String(event.claims['key'])
    } catch (fault) {
      event.faults.push(String(fault))
    }
    return event
  }

  async function arrived<Found>(find: () => Found | undefined, what: string, timeoutMs: number): Promise<Found> {
    const signal = AbortSignal.timeout(timeoutMs)
    for (;;) {
      const found = find()
      if (found !== undefined) return found
      await once(arrivals, 'arrival', { signal }).catch(cause => {
        const seen = receiver.attempts.map(
          ({ method, path, event, answered }) =>
            `${method} ${path} ${event?.type ?? '?'} → ${answered} ${event?.faults.join('; ') ?? ''}`,
        )
        throw new Error(`${what} did not arrive; what did:\n${seen.join('\n') || 'nothing'}`, { cause })
      })
    }
  }

  const receiver: Receiver = {
    url: `${origin}/callback`,
    jwksUrl: `${origin}/jwks`,
    secret: undefined,
    issuer: options.issuer,
    now: () => new Date(),
    events: [],
    attempts: [],
    privateSigningKey: { key: signing.privateKey, kid: signingKid },
    publicJwks: () => ({ keys: [current.publicJwk, signingJwk] }),
    behave: (...steps) => {
      queue.push(...steps)
    },
    waitFor: (type, count = 1, timeoutMs = 30_000) =>
      arrived(() => receiver.events.filter(event => event.type === type)[count - 1], `${type} (${count})`, timeoutMs),
    waitForAttempt: (count, timeoutMs = 30_000) =>
      arrived(() => receiver.attempts[count - 1], `attempt ${count}`, timeoutMs),
    open: async (sealed, expected) => {
      if (receiver.issuer === undefined) throw new Error('receiver.issuer is not set')
      const jwksUrl = `${receiver.issuer}/oauth/jwks`
      const jwks = jwksOf.get(jwksUrl) ?? createRemoteJWKSet(new URL(jwksUrl), { cooldownDuration: 0 })
      jwksOf.set(jwksUrl, jwks)
      return openSecret(sealed, expected, { privateKeys, jwks, issuer: receiver.issuer, now: receiver.now() })
    },
    rotateEncryptionKey: async (encryption = 'ECDH-ES+A256KW') => {
      current = await createEncryptionKey(encryption)
      privateKeys.set(current.publicJwk.kid, current.privateKey)
    },
    close: async () => {
      if (!server.listening) return
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      if (arrivals.listenerCount('error') > 0) arrivals.emit('error', new Error('the receiver was closed'))
      await closed
    },
    [Symbol.asyncDispose]: () => receiver.close(),
  }
  return receiver
}

async function createEncryptionKey(encryption: Encryption): Promise<EncryptionKey> {
  const alg = encryption === 'RSA-OAEP-256' ? 'RSA-OAEP-256' : 'ECDH-ES+A256KW'
  const crv = encryption === 'X25519' ? 'X25519' : 'P-256'
  const pair = await generateKeyPair(alg, { extractable: true, ...(alg === 'ECDH-ES+A256KW' && { crv }) })
  const publicJwk = { ...(await exportJWK(pair.publicKey)), kid: crypto.randomUUID(), use: 'enc', alg }
  return { publicJwk, privateKey: pair.privateKey }
}
