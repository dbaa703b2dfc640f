import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { SECOND } from '../base/clock.ts'

/** Requests that one connection may send before it has its answers (pipelining, RFC 9112 §9.3.2). */
const MOST_AT_ONCE = 16
/** How long what is still on its way is read after the answer, so that the answer arrives (RFC 9112 §9.6). */
const LINGER = SECOND

/**
 * Refuses a connection that sends request after request without waiting, and hangs up on whoever goes on sending a body
 * after the answer. A body that is too large is refused by the route that reads it, in its own form.
 */
export function boundRequests(listener: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, number>()
  return (req, res) => {
    const { socket } = req
    const before = waiting.get(socket) ?? 0
    waiting.set(socket, before + 1)
    res.once('close', () => {
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1)
      if (!req.complete) setTimeout(() => req.complete || socket.destroy(), LINGER).unref()
    })
    if (before >= MOST_AT_ONCE) return refuse(res)
    listener(req, res)
  }
}

function refuse(res: ServerResponse<IncomingMessage>): void {
  res.writeHead(503, { Connection: 'close', 'Content-Length': 0, 'Retry-After': '1' })
  res.end()
}
