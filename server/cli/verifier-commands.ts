import type { Command } from 'commander'
import { createVerifier, revokeVerifier } from '../keys/verifiers.ts'
import { nameOption } from './name-option.ts'
import { OPERATOR } from './operator.ts'
import { run } from './run.ts'

export function verifierCommands(program: Command): void {
  const verifier = program.command('verifier').description('resource servers')
  verifier
    .command('create')
    .description('creates a key with which your API verifies keys')
    .requiredOption('--name <name>', 'up to 120 characters', nameOption)
    .action(
      run<{ name: string }>(async (deps, { name }) => {
        const command = { name, actor: OPERATOR }
        const { verifier, verifierKey } = await deps.database.transaction(tx => createVerifier(tx, deps, command))
        return { verifier_id: verifier.id, verifier_key: verifierKey }
      }),
    )
  verifier
    .command('revoke <verifier>')
    .description('revokes a verifier key at once')
    .action(
      run(async (deps, _options, [id = '']) => {
        await deps.database.transaction(tx => revokeVerifier(tx, deps, { id, actor: OPERATOR }))
        return { verifier_id: id, status: 'revoked' }
      }),
    )
}
