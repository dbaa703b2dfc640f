import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import { findRecipientKey, type RecipientCaps } from '../../apps-registry/current-recipient.ts'
import type { App } from '../../apps-registry/find-app.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import { AppError } from '../base/errors.ts'
import { opaqueToken } from '../base/random.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { lockForMember } from '../key-life/lock-key.ts'
import { rotateManagedKey } from '../key-life/rotate-managed-key.ts'
import { statusAt } from '../keys/key-states.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import { listSuccessors } from '../keys/overlap.ts'
import { rotateRestrictedKey } from '../keys/rotate-restricted-key.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { formName } from './form-name.ts'
import { keyCreatedPage } from './key-created-page.ts'
import { refusalOf } from './key-flash-page.ts'
import { isRotatable } from './key-row-page.ts'
import { loadThisKey, type ThisKey } from './load-this-key.ts'
import { OVERLAPS, rotatePage, type TypedRotation } from './rotate-page.ts'
import { showKeys } from './show-keys.ts'

type RotateCaps = RecipientCaps &
  MintCaps & {
    usage: UsageRecorder
    limits: RateLimits
    render: RenderPage
  }

type Rotation = { overlapSeconds: number; reason: string; force: boolean; form: string | undefined }

const form = z.object({
  overlap: z
    .enum(OVERLAPS.map(({ value }) => value))
    .or(z.literal(''))
    .catch(''),
  reason: z.string().trim().max(200).catch(''),
  force: z.literal('yes').optional().catch(undefined),
  form: formName,
})

/** *Rotate* by the account: a managed key by the same verb as by its platform, a restricted key by its own. */
export function rotateRoutes(caps: RotateCaps): Router {
  const router = Router()
  router.get('/keys/:key/rotate', requireSession, (req, res) => askToRotate(caps, req, res))
  router.post('/keys/:key/rotate', requireSession, (req, res) => rotateByForm(caps, req, res))
  return router
}

async function askToRotate(caps: RotateCaps, req: Request, res: Response): Promise<void> {
  await showRotation(caps, req, res, { overlap: OVERLAPS[0].value, reason: '', faults: [] })
}

async function rotateByForm(caps: RotateCaps, req: Request, res: Response): Promise<void> {
  const typed = parseInput(form, req.body)
  const loaded = await loadRotatable(caps, req, res)
  if (typed.overlap === '') {
    const message = 'Choose how long the old key goes on working.'
    return await showRotation(caps, req, res, { ...typed, faults: [{ field: 'overlap', message }] })
  }
  await caps.limits.spend(['new_keys', signedIn(res).user.id])
  try {
    const overlapSeconds = Number(typed.overlap)
    const command = { overlapSeconds, reason: typed.reason, force: typed.force === 'yes', form: typed.form }
    if (loaded.app) await rotateManaged(caps, req, res, loaded.app, command)
    else await rotateRestricted(caps, req, res, command)
  } catch (error) {
    if (error instanceof AppError && error.code === 'key.rotation_in_progress') {
      return await showRotation(
        caps,
        req,
        res,
        { ...typed, faults: [] },
        { strong: 'Nothing was changed.', text: ROTATED_ALREADY },
      )
    }
    const refused = refusalOf(error, loaded.key)
    if (!refused) throw error
    await showKeys(caps, req, res, refused)
  }
}

async function rotateManaged(
  caps: RotateCaps,
  req: Request,
  res: Response,
  app: App,
  { overlapSeconds, reason, force }: Rotation,
): Promise<void> {
  const recipient = await findRecipientKey(caps, app)
  const { key } = await caps.database.transaction(async tx => {
    const actor = memberOf(res)
    const { key: old } = await lockForMember(tx, { actor, keyId: idParam(req, 'key', 'key') })
    return await rotateManagedKey(tx, caps, { key: old, overlapSeconds, force, recipient, reason, actor })
  })
  res.redirect(303, `/keys?rotated=${key.id}`)
}

async function rotateRestricted(caps: RotateCaps, req: Request, res: Response, rotation: Rotation): Promise<void> {
  const shown = await caps.database.transaction(tx =>
    rotateRestrictedKey(tx, caps, {
      ...rotation,
      keyId: idParam(req, 'key', 'key'),
      actor: memberOf(res),
    }),
  )
  const page = keyCreatedPage(shown, { publicUrl: caps.publicUrl, replaced: true })
  caps.render(req, res, 'key-created', { title: page.heading, nav: 'keys', status: 201 }, page)
}

async function loadRotatable(caps: RotateCaps, req: Request, res: Response): Promise<ThisKey> {
  const loaded = await loadThisKey(caps, req, res)
  if (!isRotatable(loaded.key)) throw new AppError('object.not_found')
  return loaded
}

async function showRotation(
  caps: RotateCaps,
  req: Request,
  res: Response,
  typed: TypedRotation,
  refused?: Pick<NoticeModel, 'strong' | 'text'>,
): Promise<void> {
  const loaded = await loadRotatable(caps, req, res)
  const { key } = loaded
  if (statusAt(key, caps.clock.now()) === 'expired') {
    const refusal = refusalOf(new AppError('key.expired'), key)
    return await showKeys(caps, req, res, refusal)
  }
  const underway = (await caps.database.read(tx => listSuccessors(tx, key.id, caps.clock.now()))).length > 0
  const formName = opaqueToken(caps.random)
  const page = rotatePage(loaded, { ...typed, underway, form: formName }, caps.clock.now())
  const status = refused ? 409 : typed.faults.length > 0 ? 422 : 200
  const options = { title: `Rotate “${key.name}”?`, nav: 'keys' as const, status }
  caps.render(req, res, 'rotate-key', { ...options, ...(refused && { flash: { tone: 'warn', ...refused } }) }, page)
}

const ROTATED_ALREADY = 'This key is being rotated already. Rotate once more only after a leak.'
