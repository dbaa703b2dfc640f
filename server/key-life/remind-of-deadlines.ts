import { findApp } from '../../apps-registry/find-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { writeToMembers } from '../accounts/write-to-members.ts'
import type { Caps } from '../base/caps.ts'
import type { Log } from '../base/log.ts'
import { findInstallation } from '../installs/find-installation.ts'
import { listInstallationsToRemind, nextReminder, STAGES, type Stage, takeReminders } from '../keys/reminders.ts'
import { reminderLetter } from './letters.ts'

export type ReminderCaps = Pick<Caps, 'clock' | 'ids'> & { database: Database; log: Log }

/**
 * Mails the owners and admins of an account a week and a day before kept keys end: once for each key and deadline, one
 * letter for the keys of an installation. An installation that fails is skipped until the next run. Returns when the
 * next reminder is due.
 */
export async function remindOfDeadlines(caps: ReminderCaps): Promise<number | undefined> {
  const { database, clock, log } = caps
  const at = clock.now()
  for (const stage of STAGES) {
    for (const id of await database.read(tx => listInstallationsToRemind(tx, stage, at))) {
      try {
        await database.transaction(tx => remind(tx, caps, id, stage))
      } catch (error) {
        log.error({ err: error, installation: id }, 'reminders of kept keys could not be queued; retrying')
      }
    }
  }
  return await database.read(tx => nextReminder(tx, at))
}

async function remind(tx: Tx, caps: ReminderCaps, installationId: string, stage: Stage): Promise<void> {
  const keys = await takeReminders(tx, installationId, stage, caps.clock.now())
  const installation = keys.length > 0 ? await findInstallation(tx, installationId) : undefined
  const app = installation && (await findApp(tx, installation.appId))
  if (!installation || !app) return
  const to = { accountId: installation.accountId, audience: 'managers' } as const
  await writeToMembers(tx, caps, to, accountName => reminderLetter(app, keys, accountName))
}
