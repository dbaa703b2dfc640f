import { type Request, type Response, Router } from 'express'
import { z } from 'zod'
import type { ExpireKeyPage, NoticeModel } from '../../views/models.ts'
import { lookAtAccountOf } from '../accounts/account-guard.ts'
import { actorOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import { DAY } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Deps } from '../deps.ts'
import { agoText } from '../http/format.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { expireKeyForMember } from '../key-life/expire-key.ts'
import { accountOfKey, type Key } from '../keys/find-keys.ts'
import { faceOf, statusAt } from '../keys/key-states.ts'
import { fromText, useSentence } from '../keys/key-use-page.ts'
import { isRotatable } from './key-row-page.ts'
import { showKeys } from './keys-page.ts'
import { loadThisKey, type ThisKey } from './this-key-page.ts'

const form = z.object({ seen: z.string().max(80).optional().catch(undefined) })

/** The account's keys: who manages which, and *Expire*. */
export function keysRoutes(deps: Deps): Router {
  const { database, clock } = deps
  const router = Router()
  router.use('/keys', requireSession)
  router.use('/keys/:key', lookAtAccountOf(deps, 'key', accountOfKey))

  router.get('/keys', async (req, res) => await showKeys(deps, req, res))

  router.get('/keys/:key/expire', async (req, res) => await showExpire(req, res))

  router.post('/keys/:key/expire', async (req, res) => {
    const session = signedIn(res)
    const command = {
      keyId: idParam(req, 'key', 'key'),
      accountId: session.current.account.id,
      userId: session.user.id,
      seen: parseInput(form, req.body).seen,
      actor: actorOf(session),
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

function expirePage({ key, use, shown }: ThisKey, now: number): ExpireKeyPage {
  return {
    action: `/keys/${key.id}/expire`,
    seen: faceOf(key),
    key: shown,
    facts: [
      { label: 'Last used', text: agoText(key.lastUsedAt, now) },
      { label: 'Calls, 24 hours', text: use.calls24h.toLocaleString('en-GB') },
      { label: 'Calls, 7 days', text: use.calls7d.toLocaleString('en-GB') },
      { label: 'From', text: use.places === 0 ? 'Nowhere yet' : fromText(use) },
    ],
    sentence: useSentence(key, now),
    inUse: key.lastUsedAt !== null && now - key.lastUsedAt < DAY,
    ...(isRotatable(key) && { rotateHref: `/keys/${key.id}/rotate` }),
  }
}

/** What somebody else did to the key after its page was opened. */
function changedText(key: Key): string {
  const again = 'Press again if it should stop now.'
  if (key.frozenAt !== null)
    return `${key.name} was frozen after you opened this page, so it is refused already. ${again}`
  if (key.overlapUntil !== null)
    return `${key.name} was rotated after you opened this page: it ends by itself after its overlap. ${again}`
  return `${key.name} changed after you opened this page. ${again}`
}
