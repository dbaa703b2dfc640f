import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A proxy before PostgreSQL on which single connections can fall silent, as in a network that breaks. */
export type PostgresProxy = AsyncDisposable & {
  url: string
  /** From now on nothing goes over the connections that are chosen; new ones work. */
  freeze(which: (connection: { listens: boolean }) => boolean): void
}

export async function proxyPostgres(databaseUrl: string): Promise<PostgresProxy> {
  const target = new URL(databaseUrl)
  const pairs = new Set<{ near: Socket; far: Socket; listens: boolean }>()
  const server = createServer(near => {
    const far = connect(Number(target.port || 5432), target.hostname)
    const pair = { near, far, listens: false }
    pairs.add(pair)
    near.on('data', part => {
      pair.listens ||= part.includes('listen latchkey')
    })
    near.pipe(far).pipe(near)
    for (const socket of [near, far])
      socket
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
