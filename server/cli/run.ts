import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { connect } from '../../db/connect.ts'
import { type Config, ConfigError, readConfig } from '../config.ts'
import { createDeps, type Deps } from '../deps.ts'

type Action = (...args: unknown[]) => Promise<void>

/**
 * Makes a command's action: builds the dependencies, does the work beside a running server, and closes them. The result of
 * `work` is printed as one JSON object. Throws ConfigError if there is no instance yet: without the server's environment a
 * command would otherwise create an empty one beside the real one. Only `makesInstance` may create it.
 */
export function run<Options extends object = object>(
  work: (deps: Deps, options: Options, args: readonly string[]) => Promise<object>,
  { makesInstance = false } = {},
): Action {
  return async (...given) => {
    const command = given.at(-1) as Command
    const config = readConfig({ LOG_LEVEL: 'warn', ...process.env })
    if (!makesInstance) await requireInstance(config)
    const deps = await createDeps(config)
    try {
      const result = await work(deps, command.opts<Options>(), command.args)
      process.stdout.write(`${JSON.stringify(result)}\n`)
    } finally {
      await deps.close()
    }
  }
}

async function requireInstance({ database: target, dataDir }: Config): Promise<void> {
  if (await hasSchema(target)) return
  const [variable, location] = target.kind === 'sqlite' ? ['DATA_DIR', target.file] : ['DATABASE_URL', 'this database']
  throw new ConfigError([
    `${variable}: there is no Latchkey instance at ${location} (DATA_DIR is ${dataDir}). Set the same variables as for the server; the first start, or migrate, creates an instance`,
  ])
}

async function hasSchema(target: Config['database']): Promise<boolean> {
  if (target.kind === 'sqlite' && !existsSync(target.file)) return false
  const database = connect(target)
  try {
    return await database.knex.schema.hasTable('knex_migrations')
  } finally {
    await database.close()
  }
}
