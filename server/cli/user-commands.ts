import type { Command } from 'commander'
import { requireUser } from '../accounts/find-people.ts'
import { findPersonByEmail } from '../accounts/find-user.ts'
import { changeUser } from '../accounts/manage-users.ts'
import { createSignInLink, PRINTED_LINK_LIFE } from '../accounts/sign-in-links.ts'
import { signUp } from '../accounts/sign-up.ts'
import { personForm, signUpForm } from '../accounts/sign-up-form.ts'
import { isoTime } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { parseInput } from '../http/parse.ts'
import { OPERATOR } from './operator.ts'
import { run } from './run.ts'

type Options = { email: string; password?: string; accountName: string; operator?: boolean }

export function userCommands(program: Command): void {
  const user = program.command('user').description('people')
  user
    .command('create')
    .description('creates a person and their account')
    .requiredOption('--email <email>')
    .option('--password <password>', 'required unless PASSWORDS is off')
    .requiredOption('--account-name <name>')
    .option('--operator', 'may review apps and register resource servers')
    .action(
      run<Options>(async (deps, { email, password, accountName, operator = false }) => {
        const form = readOptions({ email, password, account_name: accountName }, deps.config.people.passwords)
        const passwordHash = form.password === undefined ? '' : await deps.passwords.hash(form.password)
        const command = { email: form.email, passwordHash, accountName: form.account_name, operator, ip: '' }
        const { user, account } = await deps.database.transaction(tx => signUp(tx, deps, command))
        return { user_id: user.id, account_id: account.id }
      }),
    )
  user
    .command('operator')
    .description('makes a person an operator')
    .requiredOption('--email <email>')
    .action(
      run<{ email: string }>(async (deps, { email }) => {
        const id = await deps.database.transaction(async tx => {
          const person = await findPersonByEmail(tx, email)
          const user = await requireUser(tx, person.id)
          await changeUser(tx, deps, { user, change: { operator: true }, actor: OPERATOR })
          return person.id
        })
        return { user_id: id, operator: true }
      }),
    )
  program
    .command('sign-in-link')
    .description('prints a link that signs a person in once, for ten minutes')
    .requiredOption('--email <email>')
    .action(
      run<{ email: string }>(async (deps, { email }) => {
        const { url, expiresAt } = await deps.database.transaction(async tx => {
          const { id: userId, accountId } = await findPersonByEmail(tx, email)
          return await createSignInLink(tx, deps, { userId, accountId, life: PRINTED_LINK_LIFE })
        })
        return { url, expires_at: isoTime(expiresAt) }
      }),
    )
}

type Given = { email: string; password: string | undefined; account_name: string }

/** Checks the options. Throws `request.invalid`, which names each option at fault. */
function readOptions(given: Given, passwords: boolean): Given {
  if (!passwords && given.password !== undefined) {
    const message = 'PASSWORDS is off: leave it out, and use sign-in-link.'
    throw new AppError('request.invalid', { faults: [{ field: '--password', message }] })
  }
  const form = passwords ? signUpForm : personForm
  try {
    return { password: undefined, ...parseInput(form, given) }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    const faults = error.faults.map(({ field, message }) => ({ field: `--${field.replace('_', '-')}`, message }))
    throw new AppError('request.invalid', { faults })
  }
}
