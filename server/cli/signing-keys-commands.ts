import type { Command } from 'commander'
import { rotateSigningKeys } from '../oauth/signing-keys.ts'
import { run } from './run.ts'

export function signingKeysCommands(program: Command): void {
  program
    .command('signing-keys')
    .description('the keys that tokens and sealed keys are signed with')
    .command('rotate')
    .description(
      'makes a new one, which every running process takes up at once; the old ones stay published for 90 days',
    )
    .action(
      run(async deps => {
        const { kid, published, retired } = await rotateSigningKeys(deps.database, deps)
        return { key_id: kid, published, retired }
      }),
    )
}
