import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import type { Letter } from '../mail/letter.ts'
import { queueMail } from '../mail/queue-mail.ts'
import { listEmails, type Role } from './account-store.ts'
import { findAccount } from './find-account.ts'

const AUDIENCES = { owners: ['owner'], managers: ['owner', 'admin'] } as const satisfies Record<string, readonly Role[]>
const NAMES = { owners: 'owners', managers: 'owners and admins' } as const

/**
 * Queues a mail to the owners of an account, or also to its admins, in the caller's transaction; the text may use the
 * account's name.
 */
export async function writeToMembers(
  tx: Tx,
  caps: Pick<Caps, 'clock' | 'ids'>,
  to: { accountId: string; audience: keyof typeof AUDIENCES },
  words: (accountName: string) => Omit<Letter, 'audience'>,
): Promise<void> {
  const account = await findAccount(tx, to.accountId)
  if (!account) return
  const audience = `the ${NAMES[to.audience]} of ${account.name}`
  const emails = await listEmails(tx, to.accountId, AUDIENCES[to.audience])
  if (emails.length > 0) await queueMail(tx, caps, emails, { ...words(account.name), audience })
}
