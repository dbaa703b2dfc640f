import type { Tx } from '../../db/connect.ts'

export type MailLinkKind = 'reset' | 'confirm'
export type MailLinkRow = {
  id: string
  kind: MailLinkKind
  user_id: string
  email: string
  created_at: number
  expires_at: number
}

/** Whether a link of this kind was sent to the person after a time. Locks the person, so that two requests send one. */
export async function wasLinkSent(tx: Tx, userId: string, kind: MailLinkKind, after: number): Promise<boolean> {
  const person = tx('users').where({ id: userId })
  await (tx.client.config.client === 'pg' ? person.forNoKeyUpdate() : person).first('id')
  const sent = tx('mail_links').where({ user_id: userId, kind }).where('created_at', '>', after)
  return (await sent.first('id')) !== undefined
}

export async function insertMailLink(tx: Tx, row: MailLinkRow): Promise<void> {
  await tx('mail_links').insert(row)
}

/** A link that was not used and has not ended, and whose address is still that of the person. */
export async function findMailLink(
  tx: Tx,
  id: string,
  kind: MailLinkKind,
  at: number,
): Promise<MailLinkRow | undefined> {
  return await tx('mail_links')
    .join('users', 'users.id', 'mail_links.user_id')
    .where({ 'mail_links.id': id, kind })
    .whereRaw('mail_links.email = users.email')
    .whereNull('used_at')
    .where('expires_at', '>', at)
    .first('mail_links.*')
}

/** Uses a link, and every other one of its kind that the person has; false if somebody else was first. */
export async function spendMailLink(tx: Tx, { id, kind, user_id }: MailLinkRow, at: number): Promise<boolean> {
  const unused = tx('mail_links').where({ id }).whereNull('used_at').where('expires_at', '>', at)
  if ((await unused.update({ used_at: at })) !== 1) return false
  await tx('mail_links').where({ kind, user_id }).whereNull('used_at').update({ used_at: at })
  return true
}

export async function setPassword(tx: Tx, userId: string, passwordHash: string): Promise<void> {
  await tx('users').where({ id: userId }).update({ password_hash: passwordHash })
}

export async function isEmailConfirmed(tx: Tx, userId: string): Promise<boolean> {
  const row: { email_confirmed_at: number | null } | undefined = await tx('users')
    .where({ id: userId })
    .first('email_confirmed_at')
  return row?.email_confirmed_at != null
}
