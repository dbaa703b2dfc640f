import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { connectLatchkey, type Options, refuse } from 'latchkey/verify'
import { systemRandom } from '../../server/base/random.ts'
import { mintSecret } from '../../server/base/secret-format.ts'

export const PATIENT = 30_000

export const someKey = (): string => mintSecret(systemRandom, 'lkm_live_')
export const someVerifierKey = (): string => mintSecret(systemRandom, 'lkv_')

export type Served = AsyncDisposable & { url: string }

export async function serve(listener: RequestListener): Promise<Served> {
  const server = createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** An API on node:http that requires `charges:read` on every path; `passed` has the accepted calls. */
export async function guardedApi(options: Options): Promise<Served & { passed: unknown[]; errors: string[] }> {
  const [passed, errors] = [[] as unknown[], [] as string[]]
  const latchkey = connectLatchkey({
    verifierKey: someVerifierKey(),
    timeoutMs: PATIENT,
    onError: ({ message }) => errors.push(message),
    ...options,
  })
  const server = await serve(async (req, res) => {
    const verdict = await latchkey.verify(req, 'charges:read')
    if (!verdict.valid) return refuse(res, verdict)
    passed.push(verdict)
    res.end('passed')
  })
  return {
    ...server,
    passed,
    errors,
    async [Symbol.asyncDispose]() {
      latchkey.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

/** A TCP server in place of Latchkey that the test controls. */
export async function brokenLatchkey(
  talk: (socket: Socket, connection: number) => void,
): Promise<Served & { connections: number; requests: string[] }> {
  const open = new Set<Socket>()
  const server = createTcpServer(socket => {
    open.add(socket.on('error', () => undefined).on('close', () => open.delete(socket)))
    broken.connections += 1
    socket.on('data', chunk => broken.requests.push(chunk.toString()))
    talk(socket, broken.connections)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const broken = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: 0,
    requests: [] as string[],
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return broken
}

export const GOOD_VERDICT = {
  valid: true,
  key_id: 'key_1',
  type: 'managed',
  account_id: 'acct_1',
  installation_id: 'ins_1',
  app_id: 'app_1',
  mode: 'live',
  permissions: ['charges:read'],
  expires_at: null,
} as const

/** An HTTP response as bytes. */
export function httpAnswer(body: unknown, { status = '200 OK', headers = '' } = {}): string {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${headers}content-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
}

export type Told = {
  status: number
  headers: Headers
  text: string
  problem: { code?: string; status?: number; title?: string; detail?: string }
}

export async function call(url: string, key?: string, headers: Record<string, string> = {}): Promise<Told> {
  const answer = await fetch(url, { headers: { ...(key && { authorization: `Bearer ${key}` }), ...headers } })
  const text = await answer.text()
  const isProblem = answer.headers.get('content-type') === 'application/problem+json'
  return { status: answer.status, headers: answer.headers, text, problem: isProblem ? JSON.parse(text) : {} }
}
