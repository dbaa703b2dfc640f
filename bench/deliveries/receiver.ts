/**
 * A platform that acknowledges everything at once and records when each event first arrived, by the machine's monotonic clock.
 */
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, type JWK } from 'jose'

export type BenchReceiver = {
  url: string
  jwks: { keys: JWK[] }
  /** The number of posts since the last call. */
  count(): number
  /** When an event arrived, in nanoseconds of `process.hrtime`. */
  arrival(eventId: string): Promise<bigint>
  close(): void
}

export async function startBenchReceiver(): Promise<BenchReceiver> {
  const alg = 'ECDH-ES+A256KW'
  const pair = await generateKeyPair(alg, { crv: 'P-256', extractable: true })
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'bench', use: 'enc', alg }
  const arrivals = new Map<string, bigint>()
  const news = new EventEmitter()
  let posts = 0
  const server = createServer((req, res) => {
    const at = process.hrtime.bigint()
    req.resume().on('end', () => {
      posts += 1
      res.writeHead(204).end()
      const id = String(req.headers['webhook-id'])
      if (!arrivals.has(id)) arrivals.set(id, at)
      news.emit(id)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    jwks: { keys: [jwk] },
    count() {
      const count = posts
      posts = 0
      return count
    },
    async arrival(eventId) {
      if (!arrivals.has(eventId)) await once(news, eventId, { signal: AbortSignal.timeout(30_000) })
      return arrivals.get(eventId) ?? 0n
    },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}
