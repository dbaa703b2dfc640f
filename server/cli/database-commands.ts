import type { Command } from 'commander'
import { sweep } from '../sweep.ts'
import { run } from './run.ts'

export function databaseCommands(program: Command): void {
  program
    .command('migrate')
    .description('updates the schema')
    .action(
      run(
        async deps => {
          const pending = await deps.database.pendingMigrations()
          return { pending: pending.length }
        },
        { makesInstance: true },
      ),
    )
  program.command('sweep').description('deletes expired rows, such as sign-ins, codes and tokens').action(run(sweep))
}
