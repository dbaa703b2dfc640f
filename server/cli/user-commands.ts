import type { Command } from 'commander'
import { signUp } from '../accounts/sign-up.ts'
import { signUpForm } from '../accounts/sign-up-form.ts'
import { AppError } from '../base/errors.ts'
import { run } from './run.ts'

type Options = { email: string; password: string; accountName: string; operator?: boolean }

export function userCommands(program: Command): void {
  program
    .command('user')
    .description('people')
    .command('create')
    .description('creates a person and their account')
    .requiredOption('--email <email>')
    .requiredOption('--password <password>')
    .requiredOption('--account-name <name>')
    .option('--operator', 'may review apps and register resource servers')
    .action(
      run<Options>(async (deps, { email, password, accountName, operator = false }) => {
        const form = signUpForm.safeParse({ email, password, account_name: accountName })
        if (!form.success) {
          const faults = form.error.issues.map(issue => ({
            field: `--${String(issue.path[0]).replace('_', '-')}`,
            message: issue.message,
          }))
          throw new AppError('request.invalid', { faults })
        }
        const passwordHash = await deps.passwords.hash(password)
        const command = { email: form.data.email, passwordHash, accountName: form.data.account_name, operator, ip: '' }
        const { user, account } = await deps.database.transaction(tx => signUp(tx, deps, command))
        return { user_id: user.id, account_id: account.id }
      }),
    )
}
