import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import type { Database } from '../../db/connect.ts'
import { lookAtAccountOf } from '../accounts/account-guard.ts'
import { memberOf, requireSession } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import { AppError } from '../base/errors.ts'
import type { NoticeModel } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { expireKeyForMember } from '../key-life/expire-key.ts'
import { accountOfKey, type Key } from '../keys/find-keys.ts'
import { statusAt } from '../keys/key-states.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import { changedText, expirePage } from './expire-page.ts'
import { loadThisKey } from './load-this-key.ts'
import { showKeys } from './show-keys.ts'

type KeysCaps = Caps & {
  database: Database
  usage: UsageRecorder
  render: RenderPage
}

const form = z.object({ seen: z.string().max(80).optional().catch(undefined) })

/** The account's keys with their managers, and *Expire*. */
export function keysRoutes(deps: KeysCaps): Router {
  const { database, clock } = deps
  const router = Router()
  router.use('/keys', requireSession)
  router.use('/keys/:key', lookAtAccountOf(deps, 'key', accountOfKey))

  router.get('/keys', async (req, res) => await showKeys(deps, req, res))

  router.get('/keys/:key/expire', async (req, res) => await showExpire(req, res))

  router.post('/keys/:key/expire', async (req, res) => {
    const command = {
      keyId: idParam(req, 'key', 'key'),
      seen: parseInput(form, req.body).seen,
      actor: memberOf(res),
    }
    try {
      const { key } = await database.transaction(tx => expireKeyForMember(tx, deps, command))
      res.redirect(303, `/keys?expired=${key.id}`)
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'key.changed') throw error
      await showExpire(req, res, key => ({ tone: 'warn', strong: 'Nothing was changed.', text: changedText(key) }))
    }
  })

  async function showExpire(req: Request, res: Response, refused?: (key: Key) => NoticeModel): Promise<void> {
    const loaded = await loadThisKey(deps, req, res)
    const { key } = loaded
    if (statusAt(key, clock.now()) === 'expired') return res.redirect(303, `/keys?expired=${key.id}`)
    const options = { title: `Expire “${key.name}”?`, nav: 'keys' as const }
    const refusal = refused && { status: 409, flash: refused(key) }
    deps.render(req, res, 'expire-key', { ...options, ...refusal }, expirePage(loaded, clock.now()))
  }

  return router
}
