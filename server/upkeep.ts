import { createRunner } from './base/runner.ts'
import type { Deps } from './deps.ts'
import { endOverdueKeys } from './installs/end-overdue-keys.ts'
import { reencrypt } from './reencrypt.ts'

/** Does what happens by itself at its time, until the answer is called and has resolved. */
export function startUpkeep(deps: Deps): () => Promise<void> {
  const { clock, log, database } = deps
  const deadlines = createRunner({ clock, log, name: 'deadlines', work: () => endOverdueKeys(deps) })
  const secrets = createRunner({ clock, log, name: 'encryption anew', work: () => reencrypt(deps) })
  const runners = [deadlines, secrets]
  database.changes.listen(change => {
    if (change === 'anything' || change.startsWith('key:')) deadlines.wake() // it may have a deadline now
  })
  for (const runner of runners) runner.start()
  return async () => {
    await Promise.all(runners.map(runner => runner.stop()))
  }
}
