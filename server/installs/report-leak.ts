import { findRecipientKey } from '../../apps-registry/current-recipient.ts'
import { findApp } from '../../apps-registry/find-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { writeToMembers } from '../accounts/write-to-members.ts'
import { type Actor, recordActivity } from '../audit/record-activity.ts'
import { AppError } from '../base/errors.ts'
import type { Outbound } from '../base/outbound.ts'
import { findKeyOf, type Key } from '../keys/find-keys.ts'
import { freezeKey } from '../keys/freeze-key.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import { findUnendedKey } from '../keys/verify-key.ts'
import { leakLetter, platformLeakLetter } from './letters.ts'
import { rotateManagedKey } from './rotate-managed-key.ts'

export type LeakCaps = MintCaps & { database: Database; outbound: Outbound }

/**
 * A token was found where it must not be. If it is a key that works, it is frozen at once; a managed one is then rotated
 * without overlap, so that its platform goes on with a new key and no person is needed. Anything else changes nothing.
 */
export async function reportLeak(caps: LeakCaps, token: string, ip: string): Promise<void> {
  const actor: Actor = { type: 'system', id: 'leak-report', ip }
  const key = await caps.database.transaction(tx => freezeLeaked(tx, caps, token, actor))
  if (!key || key.appId === null || key.keptAt !== null) return
  const app = await caps.database.read(tx => findApp(tx, key.appId ?? ''))
  if (!app) return
  const recipient = await findRecipientKey(caps, app)
  try {
    await caps.database.transaction(async tx => {
      const current = await findKeyOf(tx, key.accountId, key.id)
      await rotateManagedKey(tx, caps, {
        key: current,
        overlapSeconds: 0,
        force: true,
        recipient,
        reason: 'leaked',
        actor,
      })
    })
  } catch (error) {
    // Uninstalled or expired meanwhile: there is nothing left to replace, and the key is frozen.
    if (!(error instanceof AppError)) throw error
  }
}

async function freezeLeaked(tx: Tx, caps: LeakCaps, token: string, actor: Actor): Promise<Key | undefined> {
  const at = caps.clock.now()
  const key = await findUnendedKey(tx, token, at)
  if (!key || !(await freezeKey(tx, key.id, { by: 'leak_report', until: null, at }))) return undefined
  const app = key.appId === null ? undefined : await findApp(tx, key.appId)
  const owners = (accountId: string) => ({ accountId, audience: 'owners' }) as const
  await writeToMembers(tx, caps, owners(key.accountId), name => leakLetter(app, key, name, at))
  if (app) await writeToMembers(tx, caps, owners(app.platform.accountId), () => platformLeakLetter(app, key, at))
  const accounts = app ? [key.accountId, app.platform.accountId] : [key.accountId]
  await recordActivity(tx, accounts, [
    { actor, what: 'key.leaked', object: key.id, at, data: { name: key.name, frozen: true } },
  ])
  return key
}
