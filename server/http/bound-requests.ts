import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { SECOND } from '../base/clock.ts'

/** Requests that one connection may send without waiting for responses (pipelining, RFC 9112 §9.3.2). */
const MOST_AT_ONCE = 16
/** How long the rest of a request is read after the response, so that the response arrives (RFC 9112 §9.6). */
const LINGER = SECOND

/**
 * Refuses connections that pipeline too many requests, and closes those that keep sending a body after the response. A body
 * that is too large is refused by the route that reads it, in the form of its errors.
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
