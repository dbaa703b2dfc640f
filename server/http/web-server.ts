import { createServer, type RequestListener, type Server } from 'node:http'
import { SECOND } from '../base/clock.ts'
import { boundConnections, type ConnectionBounds } from './connections.ts'

/** Milliseconds that a caller may take, as Node names them; it looks for late ones every `connectionsCheckingInterval`. */
const TIMES = {
  headersTimeout: 10 * SECOND,
  requestTimeout: 30 * SECOND,
  /** Longer than clients and proxies usually keep an idle connection, so that it is they who close it. */
  keepAliveTimeout: 75 * SECOND,
  connectionsCheckingInterval: 2 * SECOND,
  /** Of a response nothing was read, or of a request nothing came: the connection is closed. */
  timeout: 60 * SECOND,
}
const LARGEST_HEAD = 16 * 1_024

/**
 * The HTTP server of a web process: nobody holds a connection by being slow, and nobody all of them (docs/limits.md). A
 * caller that is late gets 408, a head that is too large 431, both from Node.
 */
export function createWebServer(
  listener: RequestListener,
  bounds: Partial<ConnectionBounds> = {},
  { timeout, ...times } = TIMES,
): Server {
  const server = createServer({ ...times, maxHeaderSize: LARGEST_HEAD }, listener)
  server.timeout = timeout
  boundConnections(server, bounds)
  return server
}
