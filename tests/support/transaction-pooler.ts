import { type AddressInfo, createServer, Socket } from 'node:net'
import pg from 'pg'
import { postgresMessage, readMessages } from './postgres-messages.ts'

/** A connection to the server, and the client that uses it. */
type Far = { socket: Socket; client: Client | undefined }
type Client = { socket: Socket; far: Promise<Far> | undefined }

/** The end of ReadyForQuery outside a transaction. */
const IDLE = 'I'.charCodeAt(0)
/** AuthenticationOk, a dummy key for cancelling, ReadyForQuery. */
const WELCOME = Buffer.concat([
  postgresMessage('R', Buffer.alloc(4)),
  postgresMessage('K', Buffer.alloc(8)),
  postgresMessage('Z', Buffer.from('I')),
])

/**
 * A pooler in transaction mode before one database: a client gets a connection of the server from its first message to
 * the end of that transaction, and perhaps another for the next one. LISTEN therefore succeeds and no notification
 * arrives, because an idle client has no connection; and session settings stay with the connection, not with the
 * client. With one connection, a client that needs two at a time waits forever.
 */
export async function poolTransactions(databaseUrl: string, size = 1): Promise<{ url: string } & AsyncDisposable> {
  const [clients, fars, free] = [new Set<Client>(), new Set<Far>(), [] as Far[]]
  const waiting: ((far: Far) => void)[] = []

  function giveBack(far: Far): void {
    if (far.client) far.client.far = undefined
    far.client = undefined
    const next = waiting.shift()
    if (next) next(far)
    else free.push(far)
  }

  async function lend(client: Client): Promise<Far> {
    const far = free.pop() ?? (fars.size < size ? await open() : await new Promise<Far>(next => waiting.push(next)))
    far.client = client
    return far
  }

  async function open(): Promise<Far> {
    const far: Far = { socket: new Socket(), client: undefined }
    fars.add(far)
    const login = new pg.Client({ connectionString: databaseUrl, stream: () => far.socket })
    await login.on('error', () => undefined).connect()
    far.socket.removeAllListeners('data')
    readMessages(far.socket, (type, message) => {
      far.client?.socket.write(message)
      if (type === 'Z' && message.at(-1) === IDLE) giveBack(far)
    })
    return far
  }

  function serve(socket: Socket): void {
    const client: Client = { socket, far: undefined }
    clients.add(client)
    socket.setNoDelay().on('error', () => undefined)
    socket.once('data', () => {
      socket.write(WELCOME)
      readMessages(socket, (type, message) => {
        if (type === 'X') return void socket.end()
        client.far ??= lend(client)
        void client.far.then(far => far.socket.write(message))
      })
    })
    socket.on('close', () => clients.delete(client))
  }

  const server = createServer(serve)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      for (const { socket } of [...clients, ...fars]) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
