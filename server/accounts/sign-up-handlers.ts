import type { Request, Response } from 'express'
import { AppError, type Fault } from '../base/errors.ts'
import { faultsOf, parseInput } from '../http/parse.ts'
import { clientAddress, networkOfClient } from '../http/request.ts'
import { spendPassword } from './limit-sign-in.ts'
import { sendConfirmLink } from './mail-links.ts'
import { type AccountCaps, destination, requirePasswords, returnTo, signInAs, typedForm } from './sign-in-handlers.ts'
import type { SignUpPage } from './sign-in-page.ts'
import { signUp } from './sign-up.ts'
import { signUpForm } from './sign-up-form.ts'

/** Shows the empty sign-up form; without passwords, people come in by the sign-in page alone. */
export async function askToSignUp(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  if (!caps.config.people.passwords)
    return res.redirect(303, `/signin?${new URLSearchParams({ return_to: returnTo(caps, req) })}`)
  const waiting = await caps.waitingApp(returnTo(caps, req))
  await showSignUp(caps, req, res, { email: waiting?.loginHint ?? '', accountName: '' }, [])
}

/** Creates a user with an account and signs them in, or shows the form with its faults. */
export async function signUpByForm(caps: AccountCaps, req: Request, res: Response): Promise<void> {
  requirePasswords(caps)
  if (caps.config.signup !== 'open') throw new AppError('account.signup_closed')
  const values = parseInput(typedForm, req.body)
  const form = signUpForm.safeParse(req.body ?? {})
  if (!form.success)
    return await showSignUp(
      caps,
      req,
      res,
      { email: values.email, accountName: values.account_name },
      faultsOf(form.error),
    )
  const ip = clientAddress(req)
  const network = networkOfClient(req)
  await caps.limits.spend(['sign_up_address', network])
  await spendPassword(caps.limits)
  const { email, password, account_name: accountName } = form.data
  const passwordHash = await caps.passwords.hash(password, { caller: network, known: false })
  try {
    const { user } = await caps.database.transaction(async tx => {
      const made = await signUp(tx, caps, { email, passwordHash, accountName, ip })
      await sendConfirmLink(tx, caps, made.user)
      return made
    })
    await signInAs(caps, req, res, user.id)
  } catch (error) {
    if (!(error instanceof AppError) || error.faults.length === 0) throw error
    await showSignUp(caps, req, res, { email, accountName }, error.faults)
  }
}

async function showSignUp(
  caps: AccountCaps,
  req: Request,
  res: Response,
  values: SignUpPage['values'],
  faults: Fault[],
): Promise<void> {
  const page: SignUpPage = { values, faults, ...(await destination(caps, req)), open: caps.config.signup === 'open' }
  caps.render(req, res, 'sign-up', { title: 'Create your account', status: faults.length > 0 ? 422 : 200 }, page)
}
