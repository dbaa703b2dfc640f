import type { Command } from 'commander'
import { readConfig } from '../config.ts'
import { createDeps, type Deps } from '../deps.ts'

type Action = (...args: unknown[]) => Promise<void>

/**
 * Makes a command's action: builds everything, does the work beside a running server, and closes it again. What `work`
 * answers becomes one JSON object on standard output.
 */
export function run<Options extends object = object>(
  work: (deps: Deps, options: Options, args: readonly string[]) => Promise<object>,
): Action {
  return async (...given) => {
    const command = given.at(-1) as Command
    const deps = await createDeps(readConfig({ LOG_LEVEL: 'warn', ...process.env }))
    try {
      const result = await work(deps, command.opts<Options>(), command.args)
      process.stdout.write(`${JSON.stringify(result)}\n`)
    } finally {
      await deps.close()
    }
  }
}
