import { mkdirSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import { SECOND } from '../base/clock.ts'

export type Message = {
  id: string
  to: string
  at: number
  subject: string
  text: string
  html: string
  logo: Buffer | undefined
}

/** Where mails go: to an SMTP server, or into a folder if none is configured. */
export type Mailbox = { post(message: Message): Promise<void> }

export type MailboxOptions = { smtpUrl: string | undefined; dataDir: string; brandName: string; publicUrl: string }

/** The name of the inline picture that a letter shows above its heading. */
export const LOGO = 'logo@latchkey'
const WAITS = { connectionTimeout: 10 * SECOND, greetingTimeout: 10 * SECOND, socketTimeout: 30 * SECOND }

/**
 * The sender is `no-reply` at the host of `PUBLIC_URL`, or what `SMTP_URL` says: `smtps://…?from=apps@example.com`. A
 * message that is posted twice has the same Message-ID, or file.
 */
export function openMailbox({ smtpUrl, dataDir, brandName, publicUrl }: MailboxOptions): Mailbox {
  const host = new URL(publicUrl).hostname.replaceAll(/[[\]]/g, '')
  const url = smtpUrl === undefined ? undefined : new URL(smtpUrl)
  const from = { name: brandName, address: url?.searchParams.get('from') ?? `no-reply@${host}` }
  url?.searchParams.delete('from')
  const compose = ({ id, to, at, subject, text, html, logo }: Message) => ({
    from,
    to,
    subject,
    text,
    html,
    date: new Date(at),
    messageId: `<${id}@${host}>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(logo && { attachments: [{ filename: 'logo.png', content: logo, cid: LOGO }] }),
  })
  if (url) {
    const transport = createTransport({ url: url.href, ...WAITS })
    return { post: async message => void (await transport.sendMail(compose(message))) }
  }
  const folder = join(dataDir, 'mail')
  const transport = createTransport({ streamTransport: true, buffer: true })
  return {
    async post(message) {
      const { message: bytes } = await transport.sendMail(compose(message))
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const file = join(folder, `${message.id}.eml`)
      await writeFile(`${file}.part`, bytes as Buffer, { mode: 0o600 })
      await rename(`${file}.part`, file)
    },
  }
}
