/**
 * The platform's side of deliveries, in the bench's own process: acknowledges every event with 204 and records when the last
 * byte of each managed_key.created arrived. It decrypts no key during a measurement; `openLatest` proves afterwards that the
 * keys are real.
 */
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { compactDecrypt, decodeJwt, exportJWK, generateKeyPair, type JWK } from 'jose'

export type KeyReceiver = {
  url: string
  jwks: { keys: JWK[] }
  /** When the first key of an installation arrived, by `performance.now()`. */
  arrival(installationId: string): Promise<number>
  /** When each key arrived, as often as it did, by `performance.now()`. */
  arrivals: ReadonlyMap<string, readonly number[]>
  /** Decrypts the last key that arrived and returns it redacted. Throws if that fails. */
  openLatest(): Promise<string>
  close(): void
}

type KeyEvent = {
  type: string
  data: { installation: { id: string }; key?: { id: string }; encrypted_secret?: { ciphertext: string } }
}

export async function startKeyReceiver(): Promise<KeyReceiver> {
  const alg = 'ECDH-ES+A256KW'
  const pair = await generateKeyPair(alg, { crv: 'P-256', extractable: true })
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'bench', use: 'enc', alg }
  const firstArrivals = new Map<string, number>()
  const arrivals = new Map<string, number[]>()
  const news = new EventEmitter().setMaxListeners(0)
  let latest = ''

  const server = createServer(async (req, res) => {
    const raw = Buffer.concat(await req.toArray()).toString()
    const at = performance.now()
    res.writeHead(204).end()
    const { type, data } = JSON.parse(raw) as KeyEvent
    if (type !== 'managed_key.created') return
    latest = data.encrypted_secret?.ciphertext ?? ''
    const id = data.key?.id ?? ''
    arrivals.set(id, [...(arrivals.get(id) ?? []), at])
    if (!firstArrivals.has(data.installation.id)) firstArrivals.set(data.installation.id, at)
    news.emit(data.installation.id)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    jwks: { keys: [jwk] },
    arrivals,
    async arrival(installationId) {
      if (!firstArrivals.has(installationId)) await once(news, installationId, { signal: AbortSignal.timeout(30_000) })
      return firstArrivals.get(installationId) ?? Number.NaN
    },
    async openLatest() {
      const { plaintext } = await compactDecrypt(latest, pair.privateKey)
      const { key } = decodeJwt<{ key: string }>(new TextDecoder().decode(plaintext))
      return key.slice(0, 'lkm_live_'.length)
    },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
