import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { networkOf } from '../base/addresses.ts'
import { SECOND } from '../base/clock.ts'

export type ConnectionBounds = {
  /** The most connections of this process. */
  most: number
  /** The most connections of one address, which may be a whole network. */
  perAddress: number
  /** A trusted proxy carries many callers: it may have all connections. */
  isProxy(address: string): boolean
}

const DEFAULTS: ConnectionBounds = { most: 5_000, perAddress: 1_000, isProxy: () => false }

/** How often all connections are checked; requests themselves cost nothing. */
const LOOK_EVERY = 5 * SECOND
/** Checks without traffic after which a connection may be closed for a new one. */
const QUIET = 2

type Seen = { network: string; moved: number; quiet: number }

const BUSY = 'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/** Reads and discards the request, so that the response is not lost. */
function refuse(socket: Socket): void {
  socket.on('error', () => undefined) // the peer may close first
  socket.end(BUSY)
  socket.resume()
  setTimeout(() => socket.destroy(), SECOND).unref()
}

/**
 * Bounds the connections of a server. At the limit the connection without traffic for longest is closed for a new one;
 * if none is idle, or one address has its share, the new one gets 503. Returns the check that a timer calls.
 */
export function boundConnections(server: Server, given: Partial<ConnectionBounds> = {}): () => void {
  const bounds = { ...DEFAULTS, ...given }
  const open = new Map<Socket, Seen>()
  const counts = new Map<string, number>()

  function count(network: string, by: number): void {
    const now = (counts.get(network) ?? 0) + by
    if (now > 0) counts.set(network, now)
    else counts.delete(network)
  }

  function makeRoom(): boolean {
    let [quietest, longest]: [Socket | undefined, number] = [undefined, QUIET - 1]
    for (const [socket, { quiet }] of open) if (quiet > longest) [quietest, longest] = [socket, quiet]
    quietest?.destroy()
    return quietest !== undefined
  }

  function admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? ''
    const network = networkOf(address)
    const share = bounds.isProxy(address) ? bounds.most : bounds.perAddress
    if ((counts.get(network) ?? 0) >= share || (open.size >= bounds.most && !makeRoom())) {
      return false
    }
    open.set(socket, { network, moved: 0, quiet: 0 })
    count(network, 1)
    socket.once('close', () => {
      open.delete(socket)
      count(network, -1)
    })
    return true
  }

  const serve = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    if (admit(socket)) for (const listener of serve) listener.call(server, socket)
    else refuse(socket)
  })

  const look = () => noteQuiet(open)
  const timer = setInterval(look, LOOK_EVERY).unref()
  server.once('close', () => clearInterval(timer))
  return look
}

/** Counts for each connection in how many looks nothing has moved. */
function noteQuiet(open: ReadonlyMap<Socket, Seen>): void {
  for (const [socket, seen] of open) {
    const moved = socket.bytesRead + socket.bytesWritten - socket.writableLength
    seen.quiet = moved === seen.moved ? seen.quiet + 1 : 0
    seen.moved = moved
  }
}
