import { subscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'

type Sent = { request: object; socket: Socket }
type Failed = { request: object; error: unknown }

const usedBefore = new WeakSet<Socket>()
/** Requests on a reused connection, and the bytes it had received before them. */
const onReused = new WeakMap<object, { socket: Socket; bytesBefore: number }>()
const stale = new WeakSet<object>()

subscribe('undici:client:sendHeaders', message => {
  const { request, socket } = message as Sent
  if (usedBefore.has(socket)) onReused.set(request, { socket, bytesBefore: socket.bytesRead })
  else usedBefore.add(socket)
})

subscribe('undici:request:error', message => {
  const { request, error } = message as Failed
  const sent = onReused.get(request)
  if (sent && sent.socket.bytesRead === sent.bytesBefore && error instanceof Error && isClosed(error)) stale.add(error)
})

const CLOSED = new Set<unknown>(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])
const isClosed = (error: Error) => 'code' in error && CLOSED.has(error.code)

/**
 * Whether a request failed because the peer closed a kept-alive connection before the first byte of the response. RFC 9112
 * §9.3.1 allows such a request to be repeated if that is safe.
 */
export function wasStale(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) if (stale.has(cause)) return true
  return false
}
