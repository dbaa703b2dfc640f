import { createServer, type RequestListener, type Server } from 'node:http'
import { SECOND } from '../base/clock.ts'
import { boundConnections, type ConnectionBounds } from './connections.ts'

/** Milliseconds that a caller may take, under the names of Node, which checks every `connectionsCheckingInterval`. */
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
 * The HTTP server of a web process. Slow callers are disconnected, and no caller can use all connections (docs/limits.md).
 * Node itself responds with 408 to a late request and with 431 to a head that is too large.
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
