import type { Command } from 'commander'
import { verifyActivity } from '../audit/verify-activity.ts'
import { AppError } from '../base/errors.ts'
import { run } from './run.ts'

export function auditCommands(program: Command): void {
  program
    .command('audit')
    .description('the activity log')
    .command('verify')
    .description('proves that no entry was altered, removed or inserted')
    .action(
      run(async deps => {
        const proof = await deps.database.read(verifyActivity)
        if (proof.broken.length > 0)
          throw new AppError('internal', { detail: `The log is broken: ${JSON.stringify(proof.broken)}` })
        return { accounts: proof.accounts, entries: proof.entries, unbroken: true }
      }),
    )
}
