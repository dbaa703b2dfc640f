import { type Request, type Response, Router } from 'express'
import type { Database } from '../../db/connect.ts'
import { lookAtFormAccount } from '../accounts/account-guard.ts'
import { requireAbility, roleAllows } from '../accounts/roles.ts'
import { memberOf, requireSession, signedIn } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import { AppError, type Fault } from '../base/errors.ts'
import { opaqueToken } from '../base/random.ts'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { parseInput } from '../http/parse.ts'
import { idParam } from '../http/request.ts'
import { editKey, mayMoveDeadline } from '../key-life/edit-key.ts'
import { createRestrictedKey } from '../keys/create-restricted-key.ts'
import type { KeyLimits } from '../keys/key-limits.ts'
import { statusAt } from '../keys/key-states.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { keyCreatedPage } from './key-created-page.ts'
import { refusalOf } from './key-flash-page.ts'
import { keyForm, readKeyEdit, readNewKey, type TypedKey } from './key-form.ts'
import { createFormPage, EMPTY_FORM, editFormPage, typedFrom } from './key-form-page.ts'
import { loadThisKey } from './load-this-key.ts'
import { showKeys } from './show-keys.ts'

type RestrictedKeyCaps = Caps & {
  config: Config
  database: Database
  usage: UsageRecorder
  limits: RateLimits
  render: RenderPage
  publicUrl: string
  keyBrand: string
  keyLimits: KeyLimits
}

/** *Create restricted key*, whose response shows the key once, and *Edit*. */
export function restrictedKeyRoutes(caps: RestrictedKeyCaps): Router {
  const router = Router()
  router.get('/keys/new', requireSession, async (req, res) => await showCreate(caps, req, res, EMPTY_FORM, []))
  router.post('/keys/new', requireSession, lookAtFormAccount(caps), (req, res) => createByForm(caps, req, res))
  router.get('/keys/:key/edit', requireSession, async (req, res) => await showEdit(caps, req, res))
  router.post('/keys/:key/edit', requireSession, (req, res) => editByForm(caps, req, res))
  return router
}

async function createByForm(caps: RestrictedKeyCaps, req: Request, res: Response): Promise<void> {
  const session = signedIn(res)
  const typed = parseInput(keyForm, req.body)
  const asked = readNewKey(typed, caps.config.catalog, caps.clock.now())
  if ('faults' in asked) return await showCreate(caps, req, res, typed, asked.faults)
  await caps.limits.spend(['new_keys', session.user.id])
  const command = { ...asked, actor: memberOf(res), form: typed.form }
  try {
    const shown = await caps.database.transaction(tx => createRestrictedKey(tx, caps, command))
    const page = keyCreatedPage(shown, caps)
    caps.render(req, res, 'key-created', { title: page.heading, nav: 'keys', status: shown.again ? 200 : 201 }, page)
  } catch (error) {
    if (error instanceof AppError && error.code === 'key.limit')
      return await showCreate(caps, req, res, typed, [{ field: '', message: error.message }])
    const refused = refusalOf(error, asked)
    if (!refused) throw error
    await showKeys(caps, req, res, refused)
  }
}

async function editByForm(caps: RestrictedKeyCaps, req: Request, res: Response): Promise<void> {
  const { key } = await loadThisKey(caps, req, res)
  const typed = parseInput(keyForm, req.body)
  const edit = readKeyEdit(typed, { ...key, movable: mayMoveDeadline(key) }, caps.clock.now())
  if ('faults' in edit) return await showEdit(caps, req, res, { typed, faults: edit.faults })
  try {
    const { changed } = await caps.database.transaction(tx =>
      editKey(tx, caps, {
        keyId: idParam(req, 'key', 'key'),
        edit,
        seen: typed.seen,
        actor: memberOf(res),
      }),
    )
    res.redirect(303, changed.length > 0 ? `/keys?edited=${key.id}` : '/keys')
  } catch (error) {
    if (error instanceof AppError && error.code === 'key.changed')
      return await showEdit(caps, req, res, {
        changed: `${key.name} was changed after you opened this page. Here it is as it is now.`,
      })
    const refused = refusalOf(error, key)
    if (!refused) throw error
    await showKeys(caps, req, res, refused)
  }
}

async function showCreate(
  caps: RestrictedKeyCaps,
  req: Request,
  res: Response,
  typed: TypedKey,
  faults: Fault[],
): Promise<void> {
  const { user, current } = signedIn(res)
  const { role } = await caps.database.read(tx =>
    requireAbility(tx, user.id, current.account.id, 'manage_keys', 'test'),
  )
  const page = createFormPage(typed, faults, {
    catalog: caps.config.catalog,
    keyBrand: caps.keyBrand,
    now: caps.clock.now(),
    form: opaqueToken(caps.random),
    mayLive: roleAllows(role, 'manage_keys', 'live'),
  })
  const status = faults.length > 0 ? 422 : 200
  caps.render(req, res, 'key-form', { title: page.heading, nav: 'keys', status }, page)
}

async function showEdit(
  caps: RestrictedKeyCaps,
  req: Request,
  res: Response,
  { typed, faults = [], changed }: { typed?: TypedKey; faults?: Fault[]; changed?: string } = {},
): Promise<void> {
  const { key, shown } = await loadThisKey(caps, req, res)
  if (statusAt(key, caps.clock.now()) === 'expired')
    return await showKeys(caps, req, res, refusalOf(new AppError('key.expired'), key))
  const input = { catalog: caps.config.catalog, now: caps.clock.now() }
  const page = editFormPage(key, shown.managedBy.name, typed ?? typedFrom(key), faults, input)
  const flash = changed && { tone: 'warn' as const, strong: 'Nothing was changed.', text: changed }
  const status = changed ? 409 : faults.length > 0 ? 422 : 200
  caps.render(req, res, 'key-form', { title: page.heading, nav: 'keys', status, ...(flash && { flash }) }, page)
}
