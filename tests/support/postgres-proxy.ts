import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy before PostgreSQL that can silence single connections, as a broken network does. */
export type PostgresProxy = AsyncDisposable & {
  url: string
  /** Stops all traffic on the chosen connections; new ones work. */
  freeze(which: (connection: { listens: boolean }) => boolean): void
  /** Connects new clients to another database; open connections stay. */
  leadTo(databaseUrl: string): void
  /** Breaks the next connection that sends this statement after the server has received it, and before it responds. */
  loseAnswerTo(statement: string): void
}

export async function proxyPostgres(databaseUrl: string): Promise<PostgresProxy> {
  let target = new URL(databaseUrl)
  let fatal: string | undefined
  const pairs = new Set<{ near: Socket; far: Socket; listens: boolean }>()
  const server = createServer(near => {
    const there = target
    const far = connect(Number(there.port || 5432), there.hostname)
    const pair = { near, far, listens: false }
    pairs.add(pair)
    near.on('data', part => {
      pair.listens ||= part.includes('listen latchkey')
      if (fatal === undefined || !part.includes(fatal)) return
      fatal = undefined
      far.unpipe(near)
      far.once('data', () => near.destroy()).resume()
    })
    near.once('data', first => {
      far.write(asking(first, there.pathname.slice(1)))
      near.pipe(far)
    })
    far.pipe(near)
    for (const socket of [near, far])
      socket
        .setNoDelay()
        .on('error', () => undefined)
        .on('close', () => {
          near.destroy()
          far.destroy()
          pairs.delete(pair)
        })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)
  return {
    url: url.href,
    leadTo(url) {
      target = new URL(url)
    },
    loseAnswerTo(statement) {
      fatal = statement
    },
    freeze(which) {
      for (const pair of pairs) {
        if (!which(pair)) continue
        pair.near.unpipe(pair.far)
        pair.far.unpipe(pair.near)
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { near, far } of pairs) {
        near.destroy()
        far.destroy()
      }
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** A startup message (PostgreSQL, "Message Formats") with another database name. */
function asking(message: Buffer, database: string): Buffer {
  const words = message.subarray(8).toString().split('\0')
  words[words.indexOf('database') + 1] = database
  const body = Buffer.from(words.join('\0'))
  const head = Buffer.from(message.subarray(0, 8))
  head.writeInt32BE(body.length + head.length, 0)
  return Buffer.concat([head, body])
}
