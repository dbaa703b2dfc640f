import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import type { Database } from '../../db/connect.ts'
import { memberOf, requireSession } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import { DAY } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { FieldFault } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { freezeKey, unfreezeKey } from '../key-life/freeze-key.ts'
import { statusAt } from '../keys/key-states.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import { freezePage, LENGTHS, unfreezePage } from './freeze-page.ts'
import { refusalOf } from './key-flash-page.ts'
import { loadThisKey } from './load-this-key.ts'
import { showKeys } from './show-keys.ts'

type FreezeCaps = Caps & {
  database: Database
  usage: UsageRecorder
  render: RenderPage
}

const freezeForm = z.object({
  days: z
    .enum(LENGTHS.map(({ value }) => value))
    .or(z.literal(''))
    .catch(''),
})
const unfreezeForm = z.object({ knows: z.literal('yes').optional().catch(undefined) })

type Verb = (
  tx: Parameters<typeof freezeKey>[0],
  command: Pick<Parameters<typeof freezeKey>[2], 'keyId' | 'actor'>,
) => Promise<{ changed: boolean }>

/** *Freeze* and *Unfreeze*: a reversible stop of one key, which ends in expiry. */
export function freezeRoutes(caps: FreezeCaps): Router {
  const router = Router()
  router.get('/keys/:key/freeze', requireSession, (req, res) => showFreeze(caps, req, res, '', []))
  router.post('/keys/:key/freeze', requireSession, (req, res) => freezeByForm(caps, req, res))
  router.get('/keys/:key/unfreeze', requireSession, (req, res) => showUnfreeze(caps, req, res, []))
  router.post('/keys/:key/unfreeze', requireSession, (req, res) => unfreezeByForm(caps, req, res))
  return router
}

async function freezeByForm(caps: FreezeCaps, req: Request, res: Response): Promise<void> {
  const { days } = parseInput(freezeForm, req.body)
  if (days === '')
    return await showFreeze(caps, req, res, days, [
      { field: 'days', message: 'Choose when a frozen key should expire.' },
    ])
  await changeKey(caps, req, res, 'frozen', (tx, command) =>
    freezeKey(tx, caps, { ...command, freezeMs: Number(days) * DAY }),
  )
}

async function unfreezeByForm(caps: FreezeCaps, req: Request, res: Response): Promise<void> {
  const knowsOfLeak = parseInput(unfreezeForm, req.body).knows === 'yes'
  await changeKey(caps, req, res, 'unfrozen', (tx, command) => unfreezeKey(tx, caps, { ...command, knowsOfLeak }))
}

async function changeKey(
  caps: FreezeCaps,
  req: Request,
  res: Response,
  done: 'frozen' | 'unfrozen',
  verb: Verb,
): Promise<void> {
  const { key } = await loadThisKey(caps, req, res)
  const command = {
    keyId: idParam(req, 'key', 'key'),
    actor: memberOf(res),
  }
  try {
    await caps.database.transaction(tx => verb(tx, command))
    res.redirect(303, `/keys?${done}=${key.id}`)
  } catch (error) {
    if (error instanceof AppError && error.code === 'key.leaked')
      return await showUnfreeze(caps, req, res, [LEAK_FAULT])
    const refused = refusalOf(error, key)
    if (!refused) throw error
    await showKeys(caps, req, res, refused)
  }
}

async function showFreeze(
  caps: FreezeCaps,
  req: Request,
  res: Response,
  days: string,
  faults: FieldFault[],
): Promise<void> {
  const loaded = await loadThisKey(caps, req, res)
  const { key } = loaded
  if (key.frozenAt !== null || statusAt(key, caps.clock.now()) === 'expired')
    return res.redirect(303, `/keys?${key.frozenAt === null ? 'expired' : 'frozen'}=${key.id}`)
  const page = freezePage(loaded, days, faults, caps.clock.now())
  const status = faults.length > 0 ? 422 : 200
  caps.render(req, res, 'freeze-key', { title: page.heading, nav: 'keys', status }, page)
}

async function showUnfreeze(caps: FreezeCaps, req: Request, res: Response, faults: FieldFault[]): Promise<void> {
  const loaded = await loadThisKey(caps, req, res)
  const { key } = loaded
  if (key.frozenAt === null || statusAt(key, caps.clock.now()) === 'expired')
    return res.redirect(303, `/keys?${key.frozenAt === null ? 'unfrozen' : 'expired'}=${key.id}`)
  const page = unfreezePage(loaded, faults)
  const status = faults.length > 0 ? 422 : 200
  caps.render(req, res, 'unfreeze-key', { title: `Unfreeze “${key.name}”?`, nav: 'keys', status }, page)
}

const LEAK_FAULT: FieldFault = { field: 'knows', message: 'Confirm that others may hold this key.' }
