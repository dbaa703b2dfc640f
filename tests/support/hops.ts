import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Visit = { method: string; path: string; query: URLSearchParams; form: URLSearchParams }

/** Several origins on loopback, each of which redirects to the next; the last one shows a page. */
export type Hops = AsyncDisposable & {
  /** The URL of the first origin, the callback. */
  start: string
  /** Where the chain ends. */
  end: string
  /** The requests to the first origin, latest last. */
  visits: Visit[]
}

/** Starts one server for each host, such as `127.0.0.1`, `localhost` or `[::1]`. */
export async function startHops(hosts: readonly string[]): Promise<Hops> {
  const visits: Visit[] = []
  const servers: Server[] = []
  let [start, end] = ['', '']
  for (const [index, host] of hosts.toReversed().entries()) {
    const [target, first] = [start, index === hosts.length - 1]
    const server = createServer(async (req, res) => {
      if (first) visits.push(await visitOf(req))
      if (target) res.writeHead(302, { location: target }).end()
      else res.writeHead(200, { 'content-type': 'text/html' }).end('<title>End</title><h1>Dashboard</h1>')
    })
    await new Promise<void>(resolve => server.listen(0, host.replace(/^\[|\]$/g, ''), resolve))
    servers.push(server)
    const origin = `http://${host}:${(server.address() as AddressInfo).port}`
    start = `${origin}/${first ? 'callback' : 'hop'}`
    end ||= `${origin}/`
  }
  return {
    start,
    end,
    visits,
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections()
        await new Promise(resolve => server.close(resolve))
      }
    },
  }
}

async function visitOf(req: IncomingMessage): Promise<Visit> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  const { pathname, searchParams } = new URL(req.url ?? '/', 'http://hop')
  const form = new URLSearchParams(Buffer.concat(chunks).toString())
  return { method: req.method ?? '', path: pathname, query: searchParams, form }
}
