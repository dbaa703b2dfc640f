import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { type Letter, momentText } from '../mail/letter.ts'
import { queueMail } from '../mail/queue-mail.ts'
import { findUserRow } from './account-store.ts'
import { deviceOf } from './device-name.ts'

/** Who did something, from where and with what. */
export type Doing = { userId: string; ip: string; userAgent: string }

/** What was changed on a person's security page. */
const CHANGES = {
  password: 'Your password was changed',
  session: 'A session of yours was signed out',
  sessions: 'Your other sessions were signed out',
  authenticator: 'An authenticator app was set up',
  'authenticator-removed': 'Your authenticator app was removed',
  'recovery-codes': 'New recovery codes were made',
  'recovery-code': 'A recovery code was used to sign in',
  passkey: 'A passkey was added',
  'passkey-removed': 'A passkey was removed',
  reset: 'Your password was reset',
} as const satisfies Record<string, string>

export type SecurityChange = keyof typeof CHANGES

const SECURITY = { text: 'See security', path: '/settings/security' }

/** Tells a person of a sign-in from a browser that has not signed them in before. */
export async function writeOfSignIn(tx: Tx, caps: Pick<Caps, 'clock' | 'ids'>, doing: Doing): Promise<void> {
  await write(tx, caps, doing, {
    kind: 'sign-in',
    subject: 'New sign-in to your account',
    preview: `From ${deviceOf(doing.userAgent).name}.`,
    heading: 'New sign-in to your account',
    lede: 'Somebody signed in as you from a browser that has not signed you in before.',
    link: SECURITY,
    after: 'If this was you, you need not do anything. If not, change your password and sign out everywhere else.',
  })
}

/** Tells a person of a change to how they sign in. */
export async function writeOfChange(
  tx: Tx,
  caps: Pick<Caps, 'clock' | 'ids'>,
  doing: Doing & { change: SecurityChange },
): Promise<void> {
  const heading = CHANGES[doing.change]
  await write(tx, caps, doing, {
    kind: 'security-change',
    subject: heading,
    preview: `From ${deviceOf(doing.userAgent).name}.`,
    heading,
    lede: 'This is about how you sign in, and where you are signed in.',
    link: SECURITY,
    after: 'If this was you, you need not do anything. If not, change your password and sign out everywhere else.',
  })
}

async function write(
  tx: Tx,
  caps: Pick<Caps, 'clock' | 'ids'>,
  { userId, ip, userAgent }: Doing,
  words: Omit<Letter, 'facts' | 'audience'>,
): Promise<void> {
  const user = await findUserRow(tx, userId)
  if (!user) return
  const facts = [
    { name: 'When', lines: [momentText(caps.clock.now())] },
    { name: 'Browser', lines: [deviceOf(userAgent).name] },
    { name: 'Address', lines: [ip] },
  ]
  await queueMail(tx, caps, [user.email], { ...words, facts, audience: 'you' })
}
