import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { findRecipientKey } from '../../apps-registry/current-recipient.ts'
import { type App, findApp } from '../../apps-registry/find-app.ts'
import { badgeOf } from '../../apps-registry/listing-page.ts'
import type { RotateKeyPage } from '../../views/models.ts'
import { requireAbility } from '../accounts/roles.ts'
import { DAY, SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Deps } from '../deps.ts'
import { agoText, counted, dayTimeMoment } from '../http/format.ts'
import { parseInput } from '../http/parse.ts'
import { actorOf, idParam, requireSession, signedIn } from '../http/session.ts'
import { findKeyOf, type Key } from '../keys/find-keys.ts'
import { statusAt } from '../keys/key-states.ts'
import { isRotatable } from './key-row-page.ts'
import { rotateManagedKey } from './rotate-managed-key.ts'

const OVERLAPS = [
  { value: String(DAY / SECOND), text: '24 hours' },
  { value: String((7 * DAY) / SECOND), text: '7 days' },
  { value: '0', text: 'Rotate now, no overlap' },
] as const

const form = z.object({
  overlap: z
    .enum(OVERLAPS.map(({ value }) => value))
    .or(z.literal(''))
    .catch(''),
  reason: z.string().trim().max(200).catch(''),
})
type Typed = z.infer<typeof form> & { faults: RotateKeyPage['faults'] }

/** *Rotate* on the account's side: the same verb that the platform has. */
export function rotateRoutes(deps: Deps): Router {
  const { database, clock } = deps
  const router = Router()

  router.get('/keys/:key/rotate', requireSession, async (req, res) => {
    await show(req, res, { overlap: OVERLAPS[0].value, reason: '', faults: [] })
  })

  router.post('/keys/:key/rotate', requireSession, async (req, res) => {
    const typed = parseInput(form, req.body)
    if (typed.overlap === '') {
      return await show(req, res, {
        ...typed,
        faults: [{ field: 'overlap', message: 'Choose how long the old key goes on working.' }],
      })
    }
    const session = signedIn(res)
    const { app } = await load(req, res)
    const recipient = await findRecipientKey(deps, app)
    const { key } = await database.transaction(async tx => {
      const old = await findKeyOf(tx, session.current.account.id, idParam(req, 'key', 'key'))
      await requireAbility(tx, session.user.id, old.accountId, 'expire_key')
      const overlapSeconds = Number(typed.overlap)
      return await rotateManagedKey(tx, deps, {
        key: old,
        overlapSeconds,
        force: false,
        recipient,
        reason: typed.reason,
        actor: actorOf(session),
      })
    })
    deps.worker.wake()
    res.redirect(303, `/keys?rotated=${key.id}`)
  })

  async function load(req: Request, res: Response): Promise<{ key: Key; app: App }> {
    const { user, current } = signedIn(res)
    return await database.read(async tx => {
      const key = await findKeyOf(tx, current.account.id, idParam(req, 'key', 'key'))
      await requireAbility(tx, user.id, current.account.id, 'expire_key')
      const app = key.appId === null ? undefined : await findApp(tx, key.appId)
      if (!app || !isRotatable(key)) throw new AppError('object.not_found')
      if (statusAt(key, clock.now()) === 'expired')
        throw new AppError('key.expired', { detail: 'Nothing was changed: this key has expired already.' })
      return { key, app }
    })
  }

  async function show(req: Request, res: Response, typed: Typed): Promise<void> {
    const { key, app } = await load(req, res)
    const status = typed.faults.length > 0 ? 422 : 200
    deps.render(
      req,
      res,
      'rotate-key',
      { title: `Rotate “${key.name}”?`, nav: 'keys', status },
      rotatePage(key, app, typed, clock.now()),
    )
  }

  return router
}

function rotatePage(key: Key, app: App, typed: Typed, now: number): RotateKeyPage {
  const name = app.manifest.client_name
  const until = (seconds: string) => dayTimeMoment(now + Number(seconds) * SECOND).text
  const notes: Record<string, string> = {
    [OVERLAPS[0].value]: `Both keys work until ${until(OVERLAPS[0].value)}. Enough for most platforms to redeploy.`,
    [OVERLAPS[1].value]: `Both keys work until ${until(OVERLAPS[1].value)}. For a platform that releases weekly.`,
    [OVERLAPS[2].value]:
      `For a leak. The old key is refused at once, and calls of ${name} fail until it uses the new one.`,
  }
  return {
    action: `/keys/${key.id}/rotate`,
    lede: `${name} gets a new key with the same ${counted(key.permissions.length, 'permission')}. How long should the old one go on working?`,
    key: {
      name: key.name,
      redacted: key.redacted,
      managedBy: badgeOf(app),
      note: `Managed by ${name}. Last used: ${agoText(key.lastUsedAt, now).toLowerCase()}.`,
    },
    choices: OVERLAPS.map(({ value, text }, index) => ({
      value,
      text,
      note: notes[value] ?? '',
      checked: value === typed.overlap,
      first: index === 0,
    })),
    reason: typed.reason,
    faults: typed.faults,
  }
}
