import { timingSafeEqual } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  type CryptoKey,
  compactDecrypt,
  createRemoteJWKSet,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  jwtVerify,
} from 'jose'
import { Webhook } from 'standardwebhooks'

/**
 * The response of the receiver to one POST: `ok` is 204, or 401 if a secret is set and the signature does not match.
 */
export type Behaviour =
  | 'ok'
  | 'hang'
  | 'redirect'
  | 'huge'
  | 'drop'
  | { status: number; headers?: Record<string, string>; body?: string }
  /** Responds 204 once the promise resolves; the function is called when the whole request has arrived. */
  | { until: () => Promise<unknown> }
  /** Writes exactly this and closes the connection. */
  | { raw: string }
  /** Writes a status and the start of a body that never ends. */
  | { unending: number; headers?: Record<string, string> }

export type SealedSecret = { format: string; recipient_key_id: string; ciphertext: string }

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

/** The claims that a decrypted secret must have. */
export type Expectation = { appId: string; installationId: string; keyId: string }

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
    const answered = await send(response, refused ? { status: 401 } : step, `${origin}/elsewhere`)
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

function parseEvent(raw: string): EventBody | undefined {
  try {
    const body = JSON.parse(raw) as EventBody
    return typeof body.type === 'string' && typeof body.data === 'object' ? body : undefined
  } catch {
    return undefined
  }
}

/** Standard Webhooks, with the timestamp checked against the given time: the library only knows the system's. */
function verifySignature(secret: string | undefined, headers: IncomingHttpHeaders, raw: string, now: Date): void {
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

type Opening = {
  privateKeys: Map<string | undefined, CryptoKey>
  jwks: ReturnType<typeof createRemoteJWKSet>
  issuer: string
  now: Date
}

async function openSecret(sealed: SealedSecret, expected: Expectation, { privateKeys, jwks, issuer, now }: Opening) {
  if (sealed.format !== 'jwe_compact') throw new Error(`unknown format ${sealed.format}`)
  const { plaintext, protectedHeader } = await compactDecrypt(
    sealed.ciphertext,
    ({ kid }) => {
      const key = privateKeys.get(kid)
      if (!key) throw new Error(`sealed to an unknown key ${kid}`)
      return key
    },
    { contentEncryptionAlgorithms: ['A256GCM'], keyManagementAlgorithms: ['ECDH-ES+A256KW', 'RSA-OAEP-256'] },
  )
  if (protectedHeader.cty !== 'JWT') throw new Error(`cty is ${protectedHeader.cty}`)
  if (protectedHeader.kid !== sealed.recipient_key_id) throw new Error('kid differs from recipient_key_id')
  const { payload } = await jwtVerify<{ key: string }>(new TextDecoder().decode(plaintext), jwks, {
    issuer,
    audience: expected.appId,
    subject: expected.installationId,
    typ: 'managed-key+jwt',
    requiredClaims: ['iat', 'jti', 'key'],
    currentDate: now,
  })
  if (payload.jti !== expected.keyId) throw new Error(`jti ${payload.jti} is not ${expected.keyId}`)
  return payload
}

/** Sends the planned response; resolves with what was written, or with the reason why nothing was. */
async function send(response: ServerResponse, step: Behaviour, elsewhere: string): Promise<Attempt['answered']> {
  if (step === 'hang') return 'hang'
  if (step === 'drop') {
    response.destroy()
    return 'drop'
  }
  if (typeof step === 'object' && 'raw' in step) {
    response.socket?.end(step.raw, () => response.destroy())
    return 'drop'
  }
  if (typeof step === 'object' && 'unending' in step) {
    response.writeHead(step.unending, step.headers).write('the first words')
    return step.unending
  }
  if (typeof step === 'object' && 'until' in step) {
    await step.until()
    response.writeHead(204).end()
  } else if (step === 'huge') response.writeHead(200, { 'content-type': 'text/plain' }).end('x'.repeat(2 * 1024 * 1024))
  else if (step === 'redirect') response.writeHead(302, { location: elsewhere }).end()
  else if (step === 'ok') response.writeHead(204).end()
  else response.writeHead(step.status, step.headers).end(step.body)
  return response.statusCode
}
