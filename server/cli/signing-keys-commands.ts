import type { Command } from 'commander'
import { rotateSigningKeys } from '../oauth/signing-keys.ts'
import { run } from './run.ts'

export function signingKeysCommands(program: Command): void {
  program
    .command('signing-keys')
    .description('keys that sign tokens and sealed keys')
    .command('rotate')
    .description('creates a new one, which every running process uses at once; old ones stay published for 90 days')
    .action(
      run(async deps => {
        const { kid, published, retired } = await rotateSigningKeys(deps.database, deps)
        return { key_id: kid, published, retired }
      }),
    )
}
