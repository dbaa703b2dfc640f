import { createServer, type RequestListener, type Server } from 'node:http'
import { SECOND } from '../base/clock.ts'
import { boundConnections, type ConnectionBounds } from './connections.ts'

/** Time limits for callers in milliseconds, under Node's names. Node checks them every `connectionsCheckingInterval`. */
const TIMES = {
  headersTimeout: 10 * SECOND,
  requestTimeout: 30 * SECOND,
  /** Longer than clients and proxies usually keep an idle connection, so that they close it first. */
  keepAliveTimeout: 75 * SECOND,
  connectionsCheckingInterval: 2 * SECOND,
  /** A connection without activity for this long is closed. */
  timeout: 60 * SECOND,
}
const LARGEST_HEAD = 16 * 1_024

/**
 * The HTTP server of a web process. Slow callers are disconnected, and no caller can use all connections (docs/limits.md). Node
 * itself responds with 408 to a late request and with 431 to headers that are too large.
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
