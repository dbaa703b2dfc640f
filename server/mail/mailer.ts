import { existsSync, readFileSync } from 'node:fs'
import ejs from 'ejs'
import type { Database } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { DAY, HOUR, MINUTE } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { opaqueToken } from '../base/random.ts'
import type { Letter } from './letter.ts'
import { claimMails, deleteMail, giveMailUp, type MailRow, nextMailAt, postponeMail } from './mail-store.ts'
import { LOGO, type MailboxOptions, openMailbox } from './mailbox.ts'
import { signPath } from './signed-path.ts'

/** Waits between attempts; after the last one a mail is given up. */
const SCHEDULE = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, DAY, DAY]
/** Longer than an attempt can take, so that a lease expires only if its process has died. */
const LEASE = 2 * MINUTE
const AT_ONCE = 5

export type MailerCaps = Pick<Caps, 'clock' | 'random' | 'keyring'> &
  MailboxOptions & { database: Database; log: Log; views: string; logoFile: string | undefined }

export type Mailer = {
  /** Sends every mail that is due, outside any transaction, and returns when the next one is. */
  sendDue(progress?: () => void): Promise<number | undefined>
}

/** If a process dies while it sends, another one sends the mail again: a mail may arrive twice, but is never lost. */
export function createMailer(caps: MailerCaps): Mailer {
  const { database, clock, random } = caps
  const mailbox = openMailbox(caps)
  const logo = caps.logoFile?.toLowerCase().endsWith('.png') && existsSync(caps.logoFile) ? caps.logoFile : undefined
  /** Mails that the server accepted and that could not be recorded yet: they are not sent again. */
  const posted = new Set<string>()

  async function send(mail: MailRow): Promise<void> {
    try {
      if (!posted.has(mail.id)) await post(mail)
    } catch (error) {
      return await postpone(caps, mail, error)
    }
    posted.add(mail.id)
    await database.transaction(tx => deleteMail(tx, mail))
    posted.delete(mail.id)
  }

  async function post(mail: MailRow): Promise<void> {
    const letter: Letter = JSON.parse(mail.model)
    const { id, recipient: to, created_at: at } = mail
    const { html, text } = await render(caps, letter, logo !== undefined)
    const picture = logo === undefined ? undefined : readFileSync(logo)
    await mailbox.post({ id, to, at, subject: letter.subject, html, text, logo: picture })
  }

  return {
    async sendDue(progress) {
      for (;;) {
        progress?.()
        const at = clock.now()
        const lease = opaqueToken(random).slice(0, 40)
        const mails = await database.transaction(tx => claimMails(tx, { lease, at, until: at + LEASE, most: AT_ONCE }))
        if (mails.length === 0) return await database.read(nextMailAt)
        const sent = await Promise.allSettled(mails.map(send)) // one failure must not stop the others
        const failed = sent.find(outcome => outcome.status === 'rejected')
        if (failed) throw failed.reason
      }
    },
  }
}

/** Plans the next attempt, or gives the mail up. */
async function postpone({ database, clock, log }: MailerCaps, mail: MailRow, error: unknown): Promise<void> {
  const wait = SCHEDULE[mail.attempts]
  const reason = (error instanceof Error ? error.message : String(error)).replaceAll('\0', '').slice(0, 300)
  const about = { mail: mail.id, kind: mail.template, reason }
  if (wait === undefined || isForGood(error)) {
    log.error(about, 'a mail could not be sent and was given up')
    return await database.transaction(tx => giveMailUp(tx, mail, clock.now(), reason))
  }
  log.warn(about, 'a mail could not be sent; retrying')
  await database.transaction(tx => postponeMail(tx, mail, clock.now() + wait, reason))
}

/** The server refused this recipient or this message with a permanent code (RFC 5321 §4.2.1). */
function isForGood(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || !('responseCode' in error)) return false
  return (error.code === 'EENVELOPE' || error.code === 'EMESSAGE') && Number(error.responseCode) >= 500
}

/** A letter as HTML and as text; nothing in a text is escaped. */
async function render(
  { views, brandName, publicUrl, keyring }: MailerCaps,
  letter: Letter,
  withLogo: boolean,
): Promise<{ html: string; text: string }> {
  const model = {
    letter,
    href: publicUrl + (letter.link.signed ? signPath(keyring, letter.link.path) : letter.link.path),
    brand: { name: brandName, logo: withLogo ? `cid:${LOGO}` : '' },
  }
  return {
    html: await ejs.renderFile(`${views}/mail/letter-html.ejs`, model),
    text: await ejs.renderFile(`${views}/mail/letter-text.ejs`, { ...model, wrapped }, { escape: String }),
  }
}

/** At most 72 characters a line, as text mails are read everywhere. */
const wrapped = (text: string): string => text.replaceAll(/(.{1,72})(?: +|$)/g, '$1\n').trimEnd()
