import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { moveApp } from '../../apps-registry/move-app.ts'
import { type PublishedApp, type Registered, sampleManifest, type World } from '../support/world.ts'

export type Answer = { status: number; body: Record<string, unknown>; headers: Headers }

/** `POST /oauth/register` with any body and any authorization. */
export async function postRegistration(
  world: World,
  body: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await fetch(`${world.url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown>, headers: answer.headers }
}

/** A request of RFC 7592 to the app's `registration_client_uri`, by default with the app's own token. */
export async function manage(
  registered: Registered,
  method: 'GET' | 'PUT' | 'DELETE',
  { token = String(registered['registration_access_token']), body }: { token?: string; body?: object } = {},
): Promise<Answer> {
  const answer = await fetch(String(registered['registration_client_uri']), {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? {} : JSON.parse(text), headers: answer.headers }
}

/** `PUT` with the manifest of `world.app()` overridden by `changes`. */
export function update({ registered, receiver }: PublishedApp, changes: Record<string, unknown> = {}): Promise<Answer> {
  const body = { ...sampleManifest(receiver), client_id: registered.client_id, ...changes }
  return manage(registered, 'PUT', { body })
}

const OPERATOR = { type: 'operator' as const, id: 'tests', ip: '' }

/** Moves an app as the operator. */
export async function move(world: World, id: string, verb: 'publish' | 'suspend' | 'resume'): Promise<void> {
  await world.deps.database.transaction(tx => moveApp(tx, world.deps, { id, verb, actor: OPERATOR }))
}

export type FileServer = AsyncDisposable & { url: string; asked: string[] }

/** A web server on a free port of 127.0.0.1 that serves `files`, such as logos. */
export async function serveFiles(files: Record<string, { type: string; body: string | Buffer }>): Promise<FileServer> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    const file = files[request.url ?? '']
    if (file) response.writeHead(200, { 'content-type': file.type }).end(file.body)
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
