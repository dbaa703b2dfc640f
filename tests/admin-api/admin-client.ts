import { createAdminKey } from '../../server/admin-keys/admin-keys.ts'
import { SCOPES, type Scope } from '../../server/admin-keys/scopes.ts'
import { OPERATOR, type World } from '../support/world.ts'

// biome-ignore lint/suspicious/noExplicitAny: assertions look into it
export type Json = Record<string, any>
export type AdminAnswer = { status: number; headers: Headers; text: string; body: Json }
export type AdminClient = {
  key: string
  keyId: string
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<AdminAnswer>
}

type Options = { scopes?: readonly Scope[]; addresses?: string[]; expiresAt?: number; name?: string }

/** A program with an admin key: every scope, from everywhere and for ever unless said otherwise. */
export async function createAdminClient(world: World, options: Options = {}): Promise<AdminClient> {
  const { scopes = SCOPES, addresses = null, expiresAt = null, name = 'Back office' } = options
  const command = { name, scopes, addresses, expiresAt, actor: OPERATOR }
  const { adminKey: key, adminKeyId: keyId } = await world.deps.database.transaction(tx =>
    createAdminKey(tx, world.deps, command),
  )
  return {
    key,
    keyId,
    async call(method, path, body, headers = {}) {
      const answer = await fetch(`${world.url}/admin/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      const text = await answer.text()
      const isJson = /json\b/.test(answer.headers.get('content-type') ?? '') && !text.includes('\n')
      return { status: answer.status, headers: answer.headers, text, body: isJson ? (JSON.parse(text) as Json) : {} }
    },
  }
}
