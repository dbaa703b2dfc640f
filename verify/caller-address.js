import { isIP } from 'node:net'

/**
 * The caller's address: the socket's, or behind `proxies` the address that the outermost of them saw. Undefined if that is
 * not an address; then none is sent to Latchkey, and a key with an address allowlist is refused.
 * @param {import('node:http').IncomingMessage} req
 * @param {number} proxies
 * @returns {string | undefined}
 */
export function callerAddress(req, proxies) {
  const own = req.socket?.remoteAddress ?? ''
  if (proxies === 0) return plainAddress(own)
  const forwarded = String(req.headers['x-forwarded-for'] ?? '').split(',')
  const seen = [...forwarded.map(entry => entry.trim()).filter(entry => entry !== ''), own]
  return plainAddress(seen[Math.max(0, seen.length - 1 - proxies)] ?? '')
}

/**
 * Removes a port, a zone, and the prefix of IPv4 on a dual-stack socket (`::ffff:203.0.113.7`).
 * @param {string} text
 * @returns {string | undefined}
 */
export function plainAddress(text) {
  const bare = text
    .replace(/^\[(.*)\](?::\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/i, '')
  return isIP(bare) === 0 ? undefined : bare
}
