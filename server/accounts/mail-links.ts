import type { Tx } from '../../db/connect.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { DAY, HOUR } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { momentText } from '../mail/letter.ts'
import { queueMail } from '../mail/queue-mail.ts'
import { confirmEmail, findCredentials, listMemberships } from './account-store.ts'
import {
  findMailLink,
  insertMailLink,
  isEmailConfirmed,
  type MailLinkKind,
  setPassword,
  spendMailLink,
  wasLinkSent,
} from './mail-link-store.ts'
import { type Doing, writeOfChange } from './security-letters.ts'
import { deleteSessionsOf } from './session-store.ts'

const LIVES = { reset: HOUR, confirm: 7 * DAY } as const
/** A stranger can cause these mails: at most one of a kind for each person in this time. */
const BETWEEN = HOUR

const WORDS = {
  reset: {
    subject: 'Set a new password',
    lede: 'Somebody asked for a new password for this address. The link works once.',
    text: 'Set a new password',
    after: 'If this was not you, you need not do anything: your password is unchanged.',
  },
  confirm: {
    subject: 'Confirm your email',
    lede: 'An account was created with this address. Confirm that it is yours.',
    text: 'Confirm this address',
    after: 'If this was not you, you need not do anything.',
  },
} as const satisfies Record<MailLinkKind, object>

/** Sends a link to set a new password, if somebody with a password here has this address. */
export async function sendResetLink(tx: Tx, caps: Caps, email: string): Promise<void> {
  const found = await findCredentials(tx, email)
  if (!found?.passwordHash) return
  await sendLink(tx, caps, found.user, 'reset')
}

/** Sends a link that confirms the person's address, unless that was done. */
export async function sendConfirmLink(tx: Tx, caps: Caps, user: { id: string; email: string }): Promise<void> {
  if (await isEmailConfirmed(tx, user.id)) return
  await sendLink(tx, caps, user, 'confirm')
}

async function sendLink(tx: Tx, caps: Caps, user: { id: string; email: string }, kind: MailLinkKind): Promise<void> {
  const at = caps.clock.now()
  if (await wasLinkSent(tx, user.id, kind, at - BETWEEN)) return
  const id = caps.ids.next('link')
  const ends = at + LIVES[kind]
  await insertMailLink(tx, { id, kind, user_id: user.id, email: user.email, created_at: at, expires_at: ends })
  const { subject, lede, text, after } = WORDS[kind]
  await queueMail(tx, caps, [user.email], {
    kind: 'mail-link',
    subject,
    preview: `Works until ${momentText(ends)}.`,
    heading: subject,
    lede,
    facts: [{ name: 'Works until', lines: [momentText(ends)] }],
    link: { text, path: `/${kind}/${id}`, signed: true },
    after,
    audience: 'you',
  })
}

/** Sets a new password with a link, and ends every session of the person. Throws `account.link_over`. */
export async function resetPassword(
  tx: Tx,
  caps: Caps,
  command: { linkId: string; passwordHash: string } & Pick<Doing, 'ip' | 'userAgent'>,
): Promise<void> {
  const at = caps.clock.now()
  const link = await findMailLink(tx, command.linkId, 'reset', at)
  if (!link || !(await spendMailLink(tx, link, at))) throw new AppError('account.link_over')
  const userId = link.user_id
  await setPassword(tx, userId, command.passwordHash)
  await confirmEmail(tx, userId, at)
  await deleteSessionsOf(tx, userId, { except: undefined })
  await writeOfChange(tx, caps, { ...command, userId, change: 'reset' })
  const actor = { type: 'user' as const, id: userId, ip: command.ip }
  const accountIds = (await listMemberships(tx, userId)).map(({ account }) => account.id)
  await recordActivity(tx, caps, accountIds, [{ actor, what: 'password.reset', object: userId, at }])
}

/** Confirms an address with a link. Throws `account.link_over`. */
export async function confirmByLink(tx: Tx, caps: Pick<Caps, 'clock'>, linkId: string): Promise<void> {
  const at = caps.clock.now()
  const link = await findMailLink(tx, linkId, 'confirm', at)
  if (!link || !(await spendMailLink(tx, link, at))) throw new AppError('account.link_over')
  await confirmEmail(tx, link.user_id, at)
}
