import type { Command } from 'commander'
import { createPlatform } from '../../apps-registry/create-platform.ts'
import { nameOption } from './name-option.ts'
import { OPERATOR } from './operator.ts'
import { run } from './run.ts'

export function platformCommands(program: Command): void {
  program
    .command('platform')
    .description('publishers of apps')
    .command('create')
    .description('creates the publisher profile of an account, and a token that registers apps for it')
    .requiredOption('--account <acct_…>')
    .requiredOption('--name <name>', 'up to 120 characters', nameOption)
    .action(
      run<{ account: string; name: string }>(async (deps, { account, name }) => {
        const command = { accountId: account, name, actor: OPERATOR }
        const { platform, registrationToken } = await deps.database.transaction(tx => createPlatform(tx, deps, command))
        return { platform_id: platform.id, registration_token: registrationToken }
      }),
    )
}
