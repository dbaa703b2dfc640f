import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { listCheckpoints, makeCheckpoints, readCheckpoints } from '../audit/checkpoints.ts'
import { verifyActivity } from '../audit/verify-activity.ts'
import { AppError } from '../base/errors.ts'
import { everySigningKey } from '../oauth/signing-keys.ts'
import { run } from './run.ts'

export function auditCommands(program: Command): void {
  const audit = program.command('audit').description('the activity log')

  audit
    .command('verify')
    .description('verifies that no entry was altered, removed or inserted')
    .option('--checkpoint <file>', 'also verify against these checkpoints')
    .action(
      run<{ checkpoint?: string }>(async (deps, { checkpoint }) => {
        const keys = await everySigningKey(deps.database, deps)
        const known = checkpoint === undefined ? [] : await readCheckpoints(textOf(checkpoint), keys)
        const proof = await deps.database.read(tx => verifyActivity(tx, deps.activityKey, known))
        if (proof.broken.length > 0)
          throw new AppError('internal', { detail: `The log is broken: ${JSON.stringify(proof.broken)}` })
        const { accounts, entries, erased } = proof
        return { accounts, entries, erased, checkpoints: known.length, unbroken: true }
      }),
    )

  audit
    .command('checkpoints')
    .description('signs the current end of every log; keep the output elsewhere, for audit verify --checkpoint')
    .option('--account <id>', 'only of this account')
    .action(
      run<{ account?: string }>(async (deps, { account }) => {
        await makeCheckpoints(deps, 0)
        return { checkpoints: await deps.database.read(tx => listCheckpoints(tx, account)) }
      }),
    )
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new AppError('request.invalid', { detail: `--checkpoint: ${file} cannot be read.`, cause })
  }
}
