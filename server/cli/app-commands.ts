import type { Command } from 'commander'
import type { AppVerb } from '../../apps-registry/app-states.ts'
import { moveApp } from '../../apps-registry/move-app.ts'
import { retireApp, suspendApp } from '../key-life/change-app.ts'
import { OPERATOR } from './operator.ts'
import { run } from './run.ts'

const VERBS: { verb: AppVerb & ('publish' | 'suspend' | 'resume'); does: string }[] = [
  { verb: 'publish', does: 'approves the latest version; every account may install it' },
  { verb: 'suspend', does: 'refuses its keys until it is resumed' },
  { verb: 'resume', does: 'lets its keys work again' },
]

export function appCommands(program: Command): void {
  const app = program.command('app').description('apps')
  for (const { verb, does } of VERBS) {
    app
      .command(`${verb} <app>`)
      .description(does)
      .action(
        run(async (deps, _options, [id = '']) => {
          const moved = await deps.database.transaction(tx =>
            verb === 'publish'
              ? moveApp(tx, deps, { id, verb, actor: OPERATOR })
              : suspendApp(tx, deps, { id, verb, actor: OPERATOR }),
          )
          return { app_id: moved.id, status: moved.status }
        }),
      )
  }
  app
    .command('retire <app>')
    .description('uninstalls it everywhere and expires all its keys; cannot be undone')
    .action(
      run(async (deps, _options, [id = '']) => {
        await retireApp(deps, { appId: id, actor: OPERATOR, batches: Number.POSITIVE_INFINITY })
        return { app_id: id, status: 'retired' }
      }),
    )
}
