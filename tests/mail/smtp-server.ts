import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

/** A message as handed over by a client, with its envelope. */
export type Handed = { from: string; to: string[]; message: string }

export type SmtpServer = AsyncDisposable & {
  url: string
  handed: Handed[]
  /** Queues replies for the next recipients, such as `550 no such person`; later recipients are accepted. */
  refuse(...answers: string[]): void
  /** Drops the connection after the last byte of the next messages, without a reply. */
  drop(count: number): void
}

/** A mail server on loopback with the part of RFC 5321 that a client needs. */
export async function startSmtpServer(): Promise<SmtpServer> {
  const handed: Handed[] = []
  const refusals: string[] = []
  const open = new Set<Socket>()
  let drops = 0

  const server = createServer(socket => {
    open.add(socket.on('close', () => open.delete(socket)).on('error', () => undefined))
    const say = (line: string) => void socket.write(`${line}\r\n`)
    let mail: Handed = { from: '', to: [], message: '' }
    let inMessage = false
    say('220 loopback ESMTP')
    createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY }).on('line', line => {
      if (inMessage) {
        if (line !== '.') {
          mail.message += `${line.replace(/^\./, '')}\n`
          return
        }
        inMessage = false
        if (drops > 0) {
          drops -= 1
          return void socket.destroy()
        }
        handed.push(mail)
        return say('250 taken')
      }
      const command = line.slice(0, 4).toUpperCase()
      if (command === 'MAIL') mail = { from: addressIn(line), to: [], message: '' }
      if (command === 'RCPT') {
        const refusal = refusals.shift()
        if (refusal) return say(refusal)
        mail.to.push(addressIn(line))
      }
      if (command === 'DATA') {
        inMessage = true
        return say('354 go on')
      }
      say(command === 'QUIT' ? '221 bye' : '250 loopback')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handed,
    refuse: (...answers) => void refusals.push(...answers),
    drop: count => {
      drops += count
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const addressIn = (line: string) => /<(.*)>/.exec(line)?.[1] ?? ''

/** A decoded message: headers by name, and its parts. */
export function readMessage(message: string): { headers: Map<string, string>; text: string; html: string } {
  const [head = '', ...rest] = message.replaceAll('\r\n', '\n').split('\n\n')
  const headers = new Map(
    head
      .replaceAll(/\n[ \t]+/g, ' ')
      .split('\n')
      .map(line => [line.slice(0, line.indexOf(':')).toLowerCase(), decodeWords(line.slice(line.indexOf(':') + 2))]),
  )
  const boundary = /boundary="?([^";]+)/.exec(headers.get('content-type') ?? '')?.[1] ?? ''
  const parts = rest.join('\n\n').split(`--${boundary}`)
  const part = (type: string) => decodeBody(parts.find(body => body.includes(`Content-Type: ${type}`)) ?? '')
  return { headers, text: part('text/plain'), html: part('text/html') }
}

function decodeBody(part: string): string {
  const start = part.indexOf('\n\n') + 2
  const body = part.slice(start)
  if (/encoding: base64/i.test(part)) return Buffer.from(body, 'base64').toString()
  return /encoding: quoted-printable/i.test(part) ? unquote(body.replaceAll(/=\n/g, '')) : body
}

function decodeWords(value: string): string {
  return value.replaceAll(/=\?utf-8\?([qb])\?([^?]*)\?=\s*/gi, (_, how: string, word: string) =>
    how.toLowerCase() === 'b' ? Buffer.from(word, 'base64').toString() : unquote(word.replaceAll('_', ' ')),
  )
}

function unquote(text: string): string {
  const bytes = text.replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
