/**
 * One listener per connection, however many concurrent requests it has.
 * @type {WeakMap<import('node:net').Socket, Set<() => void>>}
 */
const waiting = new WeakMap()

/**
 * Calls `stop` when the caller closes the connection; returns a function that cancels this.
 * @param {import('node:net').Socket | undefined} socket
 * @param {() => void} stop
 * @returns {() => void}
 */
export function whenGone(socket, stop) {
  if (!socket) return () => undefined
  if (socket.destroyed) stop()
  let stops = waiting.get(socket)
  if (!stops) {
    const all = new Set()
    socket.once('close', () => {
      for (const each of all) each()
    })
    waiting.set(socket, all)
    stops = all
  }
  stops.add(stop)
  return () => void stops.delete(stop)
}
