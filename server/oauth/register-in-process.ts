import { createServer, type IncomingMessage, request } from 'node:http'
import { duplexPair } from 'node:stream'
import { json } from 'node:stream/consumers'
import type { Provider } from 'oidc-provider'
import { type OAuthRequest, type Registrant, runWithRequest } from './request-context.ts'

export type InProcessAnswer = { status: number; body: Record<string, unknown> }

/**
 * Registers an app for a signed-in member by the code of `POST /oauth/register`, with its checks and its response (RFC
 * 7591 §3.2), over a connection inside this process and without a registration token. Throws the `AppError` of a member
 * who may not register any more.
 */
export async function registerInProcess(
  { provider, publicUrl }: { provider: Provider; publicUrl: string },
  registrant: Registrant,
  metadata: Record<string, unknown>,
): Promise<InProcessAnswer> {
  const serve = provider.callback()
  const context: OAuthRequest = { ip: registrant.actor.ip, registrant }
  const server = createServer((req, res) => void runWithRequest(context, () => serve(req, res)))
  const [near, far] = duplexPair()
  server.emit('connection', far)
  const issuer = new URL(publicUrl)
  const headers = {
    host: issuer.host,
    'x-forwarded-proto': issuer.protocol.slice(0, -1),
    authorization: 'Bearer member', // `registrant` says for whom
    'content-type': 'application/json',
    connection: 'close',
  }
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = request({ method: 'POST', path: '/oauth/register', headers, createConnection: () => near }, resolve)
      call.on('error', reject).end(JSON.stringify(metadata))
    })
    if (context.refusal) throw context.refusal
    return { status: answer.statusCode ?? 500, body: (await json(answer)) as Record<string, unknown> }
  } finally {
    near.destroy()
    far.destroy()
  }
}
