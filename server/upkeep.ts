import { makeCheckpoints } from './audit/checkpoints.ts'
import { type Clock, DAY, SECOND } from './base/clock.ts'
import { createRunner } from './base/runner.ts'
import type { Deps } from './deps.ts'
import { endOverdueKeys } from './installs/end-overdue-keys.ts'
import { remindOfDeadlines } from './installs/remind-of-deadlines.ts'
import { replaceLeakedKeys } from './installs/replace-leaked-keys.ts'
import { reencrypt } from './reencrypt.ts'

/** How long a stop waits for a mail server that takes its time; what is not noted as sent is sent once more. */
const PATIENCE = 4 * SECOND

/** Does what happens by itself at its time, until the answer is called and has resolved. */
export function startUpkeep(deps: Deps): () => Promise<void> {
  const { clock, log, database } = deps
  const deadlines = createRunner({ clock, log, name: 'deadlines', work: () => endOverdueKeys(deps) })
  const secrets = createRunner({ clock, log, name: 'encryption anew', work: () => reencrypt(deps) })
  const reminders = createRunner({ clock, log, name: 'reminders', work: () => remindOfDeadlines(deps) })
  const leaks = createRunner({ clock, log, name: 'leaked keys', work: () => replaceLeakedKeys(deps) })
  const mails = createRunner({ clock, log, name: 'mails', work: () => deps.mailer.sendDue() })
  const checkpoints = createRunner({ clock, log, name: 'checkpoints', work: daily(clock, () => makeCheckpoints(deps)) })
  const runners = [checkpoints, deadlines, reminders, leaks, mails, secrets]
  database.changes.listen(change => {
    const anything = change === 'anything'
    if (anything || change === 'mails') mails.wake()
    if (!anything && !change.startsWith('key:')) return
    deadlines.wake() // it may have a deadline now
    reminders.wake()
  })
  for (const runner of runners) runner.start()
  return async () => {
    const stopped = Promise.all(runners.map(runner => runner.stop()))
    await Promise.race([stopped, new Promise(resolve => setTimeout(resolve, PATIENCE).unref())])
  }
}

/** Work that is done once a day however often its runner wakes, and again sooner where it failed. */
function daily(clock: Clock, work: () => Promise<unknown>): () => Promise<number> {
  let next = 0
  return async () => {
    if (clock.now() < next && next - clock.now() <= DAY) return next
    await work()
    next = clock.now() + DAY
    return next
  }
}
