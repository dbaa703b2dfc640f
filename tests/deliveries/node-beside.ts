import { readConfig } from '../../server/config.ts'
import { createDeps, type Deps } from '../../server/deps.ts'
import type { World } from '../support/world.ts'

/** The environment of another process on the world's database. */
export function environmentBeside({ deps: { config }, dataDir }: World): Record<string, string> {
  const { database, publicUrl } = config
  return {
    DATA_DIR: dataDir,
    DATABASE_URL: database.kind === 'sqlite' ? `sqlite:${database.file}` : database.url,
    LATCHKEY_SECRET: config.secrets.join(','),
    PUBLIC_URL: publicUrl,
    EGRESS_ALLOW: '127.0.0.1/32',
    RATE_LIMITS: 'off',
  }
}

/** Another node on the world's database, with the world's clock. None of its loops runs. */
export async function nodeBeside(
  world: World,
  env: Record<string, string> = {},
): Promise<{ deps: Deps } & AsyncDisposable> {
  const { clock, log } = world.deps
  const deps = await createDeps(readConfig({ ...environmentBeside(world), ...env }), { clock, log })
  return { deps, [Symbol.asyncDispose]: () => deps.close() }
}
