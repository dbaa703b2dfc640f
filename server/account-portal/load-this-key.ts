import type { Request, Response } from 'express'
import { type App, findApp } from '../../apps-registry/find-app.ts'
import type { Database } from '../../db/connect.ts'
import { userEmail } from '../accounts/find-user.ts'
import { signedIn } from '../accounts/session-guard.ts'
import type { Clock } from '../base/clock.ts'
import type { RenderPage } from '../http/pages.ts'
import { idParam } from '../http/request.ts'
import { findKeyOf, type Key } from '../keys/find-keys.ts'
import { requireKeyAbility } from '../keys/key-ability.ts'
import { type KeyUse, readUse } from '../keys/read-usage.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import { type ShownKey, shownKey } from './this-key-page.ts'

/** The capabilities needed to show keys. */
export type ShowCaps = { database: Database; clock: Clock; usage: UsageRecorder; render: RenderPage }

/** The key in the path, as a page shows it before an act. */
export type ThisKey = { key: Key; app: App | undefined; use: KeyUse; shown: ShownKey }

/** Reads the key in the path for a member who may act on it. Throws `object.not_found` and `access.role`. */
export async function loadThisKey(deps: ShowCaps, req: Request, res: Response): Promise<ThisKey> {
  await deps.usage.flush()
  const { user, current } = signedIn(res)
  return await deps.database.read(async tx => {
    const key = await findKeyOf(tx, current.account.id, idParam(req, 'key', 'key'))
    await requireKeyAbility(tx, user.id, key)
    const app = key.appId === null ? undefined : await findApp(tx, key.appId)
    const use = (await readUse(tx, [key.id], deps.clock.now()))(key.id)
    const maker = key.createdBy === null || key.createdBy === user.id ? 'you' : await userEmail(tx, key.createdBy)
    return { key, app, use, shown: shownKey(key, app, maker) }
  })
}
