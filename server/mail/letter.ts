import { DAY } from '../base/clock.ts'

/** The content of a mail, without a secret; views/mail has its layout. */
export type Letter = {
  kind:
    | 'delivery-failed'
    | 'key-reminder'
    | 'key-leaked'
    | 'sign-in'
    | 'security-change'
    | 'mail-link'
    | 'invitation'
    | 'membership'
    | 'install-request'
  subject: string
  /** The preview that mail programs show beside the subject. */
  preview: string
  heading: string
  lede: string
  facts: { name: string; lines: string[] }[]
  /** A page of ours. */
  link: { text: string; path: string /** The mailer signs the path (`signed-path.ts`). */; signed?: true }
  after: string
  /** The recipients, as in `the owners and admins of Harbor Books`. */
  audience: string
}

const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' })
const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' })

/** `12 March 2030 at 14:32 UTC` */
export const momentText = (at: number): string => `${moment.format(at)} UTC`

/** A deadline in words: most are the end of a day, `the end of 31 March 2030, UTC`. */
export function deadlineText(at: number): string {
  return at % DAY === 0 ? `the end of ${day.format(at - 1)}, UTC` : momentText(at)
}
