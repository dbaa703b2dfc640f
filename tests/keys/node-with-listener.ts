import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createListener } from '../../server/app.ts'
import type { Deps } from '../../server/deps.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import type { World } from '../support/world.ts'

/** Another node on the world's database that serves requests and follows changes. */
export type ListeningNode = AsyncDisposable & {
  deps: Deps
  url: string
  verify(key: string): Promise<Record<string, unknown>>
}

export async function listeningNode(world: World, env: Record<string, string> = {}): Promise<ListeningNode> {
  const node = await nodeBeside(world, env)
  const server = createServer(createListener(node.deps))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  await node.deps.database.changes.start()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    deps: node.deps,
    url,
    verify: key => askAt(url, world.verifierKey, key),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      await node[Symbol.asyncDispose]()
    },
  }
}

/** The response of `POST /v1/keys/verify` at `url` for a key. */
export async function askAt(url: string, verifierKey: string, key: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`${url}/v1/keys/verify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  })
  return { status: answer.status, ...((await answer.json()) as object) }
}
