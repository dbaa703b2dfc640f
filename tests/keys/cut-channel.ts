import { mkdtempSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { proxyPostgres } from '../support/postgres-proxy.ts'
import type { World } from '../support/world.ts'

/** A connection to the world's database whose change channel can be cut silently while queries continue. */
export type CuttableChannel = AsyncDisposable & { env: Record<string, string>; cut(): void }

export async function cuttableChannel({ deps, dataDir }: World): Promise<CuttableChannel> {
  const { database } = deps.config
  if (database.kind === 'sqlite') return elsewhere(database.file, dataDir)
  const proxy = await proxyPostgres(database.url)
  return {
    env: { DATABASE_URL: proxy.url },
    cut: () => proxy.freeze(({ listens }) => listens),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  }
}

/** SQLite's log is beside the real file; a watch on the folder of the link receives nothing. */
function elsewhere(file: string, dataDir: string): CuttableChannel {
  const folder = mkdtempSync(join(dataDir, 'elsewhere-'))
  const link = join(folder, 'latchkey.db')
  symlinkSync(file, link)
  return {
    env: { DATABASE_URL: `sqlite:${link}` },
    cut: () => undefined, // it is cut from the start
    async [Symbol.asyncDispose]() {},
  }
}
