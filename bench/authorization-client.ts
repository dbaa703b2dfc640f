/**
 * The one HTTP client that both servers are measured with: keep-alive connections, one request at a time on each, and an
 * authorization code flow of five requests, as a browser and then a platform would send them:
 *
 *   GET the authorization endpoint → GET the consent page → POST the consent form → GET back to the authorization
 *   endpoint → POST the token endpoint (PKCE S256, client_secret_basic)
 *
 * Time spent in this client is part of both figures.
 */
import { createHash, randomBytes } from 'node:crypto'
import { Pool } from 'undici'

export type Client = { id: string; secret: string; redirectUri: string }

export type Authorization = {
  /** When the consent form was sent, by `performance.now()`. */
  pressedAt: number
  tokens: Record<string, unknown>
}

export type AuthorizationClient = {
  /** `cookie`: the browser's cookies before the first request. */
  authorize(cookie: string): Promise<Authorization>
  close(): Promise<void>
}

type Answer = { status: number; location: string; text: string }

export function createAuthorizationClient(
  origin: string,
  endpoints: { authorization: string; token: string },
  client: Client,
  connections: number,
): AuthorizationClient {
  const pool = new Pool(origin, { connections, pipelining: 1 })
  const basic = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`

  return {
    async authorize(cookie) {
      const jar = new Map<string, string>()
      keep(jar, cookie)
      const verifier = randomBytes(32).toString('base64url')
      const asked = await send(pool, jar, 'GET', `${endpoints.authorization}?${queryOf(client, verifier)}`)
      const consent = pathOf(asked, origin)
      const page = await send(pool, jar, 'GET', consent)
      const form = new URLSearchParams({ ...hiddenFields(page.text), mode: 'live', decision: 'install' })
      const pressedAt = performance.now()
      const pressed = await send(pool, jar, 'POST', consent, form, { origin, 'sec-fetch-site': 'same-origin' })
      const back = await send(pool, jar, 'GET', pathOf(pressed, origin))
      const code = new URL(back.location || 'about:blank').searchParams.get('code')
      if (!code) throw new Error(`no code came back: ${back.status} ${back.location} ${back.text.slice(0, 500)}`)
      const exchange = new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        redirect_uri: client.redirectUri,
        code_verifier: verifier,
      })
      const answer = await send(pool, new Map(), 'POST', endpoints.token, exchange, { authorization: basic })
      if (answer.status !== 200) throw new Error(`the code was not exchanged: ${answer.status} ${answer.text}`)
      return { pressedAt, tokens: JSON.parse(answer.text) as Record<string, unknown> }
    },
    close: () => pool.close(),
  }
}

/** An authorization request with PKCE (RFC 7636 §4.3). */
function queryOf(client: Client, verifier: string): URLSearchParams {
  return new URLSearchParams({
    response_type: 'code',
    client_id: client.id,
    redirect_uri: client.redirectUri,
    state: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    scope: 'charges:read charges:write customers:read',
  })
}

async function send(
  pool: Pool,
  jar: Map<string, string>,
  method: 'GET' | 'POST',
  path: string,
  form?: URLSearchParams,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const answer = await pool.request({
    path,
    method,
    headers: {
      ...(cookie !== '' && { cookie }),
      ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      ...headers,
    },
    body: form?.toString() ?? null,
  })
  for (const line of [answer.headers['set-cookie'] ?? []].flat()) keep(jar, line)
  return {
    status: answer.statusCode,
    location: String(answer.headers['location'] ?? ''),
    text: await answer.body.text(),
  }
}

/** Paths are ignored: each authorization has its own jar, and the servers ignore unknown cookies. */
function keep(jar: Map<string, string>, line: string): void {
  const [pair = ''] = line.split(';', 1)
  const equals = pair.indexOf('=')
  if (equals < 0) return
  if (/expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(pair.slice(0, equals))
  else jar.set(pair.slice(0, equals), pair.slice(equals + 1))
}

function pathOf({ status, location, text }: Answer, origin: string): string {
  if (location === '') throw new Error(`a redirect was expected: ${status} ${text.slice(0, 500)}`)
  const url = new URL(location, origin)
  return url.pathname + url.search
}

function hiddenFields(html: string): Record<string, string> {
  const found = html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)
  return Object.fromEntries([...found].map(([, name = '', value = '']) => [name, value]))
}
