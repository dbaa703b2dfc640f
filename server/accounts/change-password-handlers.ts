import type { Request, Response } from 'express'
import { z } from 'zod'
import { faultsOf } from '../http/parse.ts'
import { networkOfClient } from '../http/request.ts'
import { emailKey, findPasswordHash } from './account-store.ts'
import { changePassword } from './change-password.ts'
import { doingOf } from './doing-guard.ts'
import { forgiveSignIn, limitSignIn } from './limit-sign-in.ts'
import { PASSWORD_MAX } from './password.ts'
import { signedIn } from './session-guard.ts'
import { showSecurity } from './show-security.ts'
import { type AccountCaps, requirePasswords } from './sign-in-handlers.ts'
import { newPassword } from './sign-up-form.ts'
import { weaknessOf } from './weak-password.ts'

const form = z.object({
  current: z
    .string('Write your current password.')
    .min(1, 'Write your current password.')
    .max(PASSWORD_MAX, `Use ${PASSWORD_MAX} characters or fewer.`),
  new: newPassword,
})

/** *Change password*: the current one is counted as a sign-in is. Throws `account.no_passwords`. */
export async function changePasswordByForm(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  requirePasswords(caps)
  const session = signedIn(res)
  const { user } = session
  const parsed = form.safeParse(req.body ?? {})
  if (!parsed.success) return await showSecurity(caps, req, res, faultsOf(parsed.error))
  const weakness = weaknessOf(parsed.data.new, user.email)
  if (weakness) return await showSecurity(caps, req, res, [{ field: 'new', message: weakness }])
  const known = { userId: user.id, nonce: session.id }
  const attempt = { network: networkOfClient(req), email: emailKey(user.email), known }
  const waiting = await limitSignIn(caps.limits, attempt)
  const before = await caps.database.look(tx => findPasswordHash(tx, user.id))
  if (!before || !(await caps.passwords.check(parsed.data.current, before, waiting)))
    return await showSecurity(caps, req, res, [{ field: 'current', message: 'The current password is wrong.' }])
  await forgiveSignIn(caps.limits, attempt)
  const after = await caps.passwords.hash(parsed.data.new, waiting)
  const command = { ...doingOf(req, res), accountId: session.current.account.id, before, after, sessionId: session.id }
  const changed = await caps.database.transaction(tx => changePassword(tx, caps, command))
  if (changed) return res.redirect(303, '/settings/security?done=password')
  await showSecurity(caps, req, res, [{ field: 'current', message: 'The password was changed meanwhile.' }])
}
