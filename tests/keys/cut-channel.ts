import { mkdtempSync, symlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { World } from '../support/world.ts'

/** A way to the world's database on which the notice of others' changes can be cut off, silently, while queries go on. */
export type CuttableChannel = AsyncDisposable & { env: Record<string, string>; cut(): void }

export async function cuttableChannel({ deps, dataDir }: World): Promise<CuttableChannel> {
  const { database } = deps.config
  return database.kind === 'sqlite' ? elsewhere(database.file, dataDir) : await proxied(database.url)
}

/** SQLite finds its log beside the real file; whoever watches the folder of the link hears nothing. */
function elsewhere(file: string, dataDir: string): CuttableChannel {
  const folder = mkdtempSync(join(dataDir, 'elsewhere-'))
  const link = join(folder, 'latchkey.db')
  symlinkSync(file, link)
  return {
    env: { DATABASE_URL: `sqlite:${link}` },
    cut: () => undefined, // it always is
    async [Symbol.asyncDispose]() {},
  }
}

/** A proxy before PostgreSQL that stops to forward whatever goes over the connection that listens. */
async function proxied(databaseUrl: string): Promise<CuttableChannel> {
  const target = new URL(databaseUrl)
  const pairs = new Set<{ near: Socket; far: Socket; listens: boolean }>()
  const server = createServer(near => {
    const far = connect(Number(target.port || 5432), target.hostname)
    const pair = { near, far, listens: false }
    pairs.add(pair)
    near.on('data', part => {
      pair.listens ||= part.includes('listen latchkey')
    })
    near.pipe(far).pipe(near)
    for (const socket of [near, far])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          near.destroy()
          far.destroy()
          pairs.delete(pair)
        })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    env: { DATABASE_URL: url.href },
    cut() {
      for (const { near, far, listens } of pairs) {
        if (!listens) continue
        near.unpipe(far)
        far.unpipe(near)
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { near, far } of pairs) {
        near.destroy()
        far.destroy()
      }
      await new Promise(resolve => server.close(resolve))
    },
  }
}
