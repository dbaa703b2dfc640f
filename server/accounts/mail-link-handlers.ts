import type { Request, Response } from 'express'
import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { FieldFault } from '../http/page-parts.ts'
import { faultsOf } from '../http/parse.ts'
import { clientAddress, networkOfClient } from '../http/request.ts'
import { openSignedPath } from '../mail/signed-path.ts'
import { spendPassword } from './limit-sign-in.ts'
import { findMailLink, type MailLinkKind, type MailLinkRow } from './mail-link-store.ts'
import { confirmByLink, resetPassword, sendResetLink } from './mail-links.ts'
import { type AccountCaps, requirePasswords } from './sign-in-handlers.ts'
import { newPassword } from './sign-up-form.ts'
import { weaknessOf } from './weak-password.ts'

export type MailLinkCaps = AccountCaps & {
  log: Log
  /** Work that continues after the response. It must not reject. */
  afterwards(work: Promise<void>): void
}

const forgotForm = z.object({ email: z.string('Write your email.').trim().min(1, 'Write your email.').max(254) })
const resetForm = z.object({ new: newPassword })

/** *Forgot password?* */
export function askForReset(caps: MailLinkCaps, req: Request, res: Response, faults: FieldFault[] = []): void {
  requirePasswords(caps)
  const status = faults.length > 0 ? 422 : 200
  caps.render(req, res, 'forgot', { title: 'Forgot password?', status }, { email: '', faults, sent: false })
}

/** Responds before it looks for the person, so that the response and its time are the same for every address. */
export async function resetByForm(caps: MailLinkCaps, req: Request, res: Response): Promise<void> {
  requirePasswords(caps)
  const form = forgotForm.safeParse(req.body ?? {})
  if (!form.success) return askForReset(caps, req, res, faultsOf(form.error))
  await caps.limits.spend(['reset_address', networkOfClient(req)])
  const { email } = form.data
  caps.render(req, res, 'forgot', { title: 'Look into your mail' }, { email, faults: [], sent: true })
  const work = caps.database.transaction(tx => sendResetLink(tx, caps, email))
  caps.afterwards(work.catch(err => caps.log.error({ err }, 'a link to set a new password was not sent')))
}

/** The form of a new password. */
export async function askForNewPassword(
  caps: MailLinkCaps,
  req: Request,
  res: Response,
  faults: FieldFault[] = [],
): Promise<void> {
  const { email } = await linkOf(caps, req, 'reset')
  const status = faults.length > 0 ? 422 : 200
  caps.render(req, res, 'reset', { title: 'Set a new password', status }, { action: req.path, email, faults })
}

/** Sets the new password; the person then signs in, with their second factor where they have one. */
export async function setNewPassword(caps: MailLinkCaps, req: Request, res: Response): Promise<void> {
  requirePasswords(caps)
  const link = await linkOf(caps, req, 'reset')
  const form = resetForm.safeParse(req.body ?? {})
  if (!form.success) return await askForNewPassword(caps, req, res, faultsOf(form.error))
  const weakness = weaknessOf(form.data.new, link.email)
  if (weakness) return await askForNewPassword(caps, req, res, [{ field: 'new', message: weakness }])
  await spendPassword(caps.limits)
  const passwordHash = await caps.passwords.hash(form.data.new, { caller: networkOfClient(req), known: false })
  const from = { ip: clientAddress(req), userAgent: req.get('user-agent') ?? '' }
  await caps.database.transaction(tx => resetPassword(tx, caps, { linkId: link.id, passwordHash, ...from }))
  caps.sessionCookie.clear(res)
  res.redirect(303, '/signin')
}

/** A page with a button, because programs that read mails open every link. */
export async function askToConfirm(caps: MailLinkCaps, req: Request, res: Response): Promise<void> {
  const { email } = await linkOf(caps, req, 'confirm')
  caps.render(req, res, 'confirm', { title: 'Confirm your email' }, { action: req.path, email, done: false })
}

/** Confirms the address. */
export async function confirmByForm(caps: MailLinkCaps, req: Request, res: Response): Promise<void> {
  const { id, email } = await linkOf(caps, req, 'confirm')
  await caps.database.transaction(tx => confirmByLink(tx, caps, id))
  caps.render(req, res, 'confirm', { title: 'Your email is confirmed' }, { action: req.path, email, done: true })
}

/** The link of a path that came by mail. Throws `account.link_over`. */
async function linkOf(caps: MailLinkCaps, req: Request, kind: MailLinkKind): Promise<MailLinkRow> {
  const id = openSignedPath(caps.keyring, req.path)?.slice(`/${kind}/`.length)
  const link = id && (await caps.database.look(tx => findMailLink(tx, id, kind, caps.clock.now())))
  if (!link) throw new AppError('account.link_over')
  return link
}
