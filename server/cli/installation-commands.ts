import type { Command } from 'commander'
import { AppError } from '../base/errors.ts'
import { isId } from '../base/ids.ts'
import { suspendInstallation } from '../installs/suspend-installation.ts'
import { OPERATOR } from './operator.ts'
import { run } from './run.ts'

const VERBS = [
  {
    verb: 'suspend',
    suspended: true,
    does: 'refuses its keys until it is resumed; notifies account and platform',
  },
  { verb: 'resume', suspended: false, does: 'ends a suspension by the operator or the platform' },
] as const

export function installationCommands(program: Command): void {
  const installation = program.command('installation').description('installations of apps')
  for (const { verb, suspended, does } of VERBS) {
    installation
      .command(`${verb} <installation>`)
      .description(does)
      .action(
        run(async (deps, _options, [installationId = '']) => {
          if (!isId('ins', installationId))
            throw new AppError('object.not_found', { detail: 'There is no such installation.' })
          const command = { installationId, by: 'operator', suspended, actor: OPERATOR } as const
          const { installation: after } = await deps.database.transaction(tx => suspendInstallation(tx, deps, command))
          return { installation_id: after.id, status: after.status, suspended_by: after.suspendedBy }
        }),
      )
  }
}
