import { createServer, type Server } from 'node:http'
import express from 'express'
import { createApp } from './app.ts'
import type { Config } from './config.ts'
import { ensureRegistered, readManifest } from './registration.ts'
import { loadSecrets } from './secrets.ts'
import { openStore } from './store.ts'

export interface Platform {
  name: string
  clientId: string
  /** Accepts nothing new, finishes what is in progress, and resolves when everything is on disk. */
  stop(): Promise<void>
}

/** Starts a platform. Its logo is served before it registers, because Latchkey fetches it then. */
export async function startPlatform(config: Config): Promise<Platform> {
  const manifest = await readManifest(config)
  const secrets = await loadSecrets(config.data)
  const front = express()
  front.get('/logo.svg', (_req, res) => res.sendFile(config.logo))
  const server = createServer(front)
  await listen(server, config)
  const registration = await ensureRegistered(config, manifest, secrets)
  const store = await openStore(config.data)
  const { client_name: name } = manifest
  front.use(await createApp({ config, name, secrets, registration, store }))
  return {
    name,
    clientId: registration.client_id,
    async stop() {
      const closed = new Promise(resolve => server.close(resolve))
      server.closeIdleConnections()
      await closed
      await store.settled()
    },
  }
}

function listen(server: Server, { port, host }: Config): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
}
