import { z } from 'zod'
import { isOneLine } from '../base/one-line.ts'
import { PASSWORD_MAX, PASSWORD_MIN } from './password.ts'
import { weaknessOf } from './weak-password.ts'

/** A password that somebody chooses. */
export const newPassword = z
  .string('Choose a password.')
  .min(PASSWORD_MIN, `Use ${PASSWORD_MIN} characters or more.`)
  .max(PASSWORD_MAX, `Use ${PASSWORD_MAX} characters or fewer.`)

/** The input for a new person without a password. */
export const personForm = z.object({
  account_name: z
    .string('Name your account.')
    .trim()
    .min(1, 'Name your account.')
    .max(120, 'Use 120 characters or fewer.')
    .refine(isOneLine, 'Write the name on one line, without hidden characters.'),
  email: z
    .string('Write the whole address, such as name@example.com.')
    .trim()
    .pipe(z.email('Write the whole address, such as name@example.com.').max(254, 'Use 254 characters or fewer.')),
})

/** The input for a new person with a password, on the page and on the command line. */
export const signUpForm = personForm
  .extend({ password: newPassword })
  .superRefine(({ email, password }, { addIssue }) => {
    const message = password.length >= PASSWORD_MIN && weaknessOf(password, email)
    if (message) addIssue({ code: 'custom', path: ['password'], message })
  })
