import type { IncomingMessage, RequestListener } from 'node:http'

/** Fields that may occur once (RFC 9110 §5.3). Node keeps the first of several lines, a proxy in front may look at the last. */
const ONCE = ['host', 'authorization', 'content-type']
/** uri-host [ ":" port ], or empty (RFC 9110 §7.2, RFC 3986 §3.2.2). */
const HOST = /^(?:\[[\da-f:.]+\]|(?:[\w\-.~!$&'()*+,;=]|%[\da-f]{2})*)(?::\d*)?$/i

/**
 * Refuses a request with an ambiguous host, credential or body length (request smuggling), and closes the connection,
 * because what follows on it cannot be trusted either. Node itself refuses two lengths, and a length with chunks.
 */
export function refuseUnclearHead(listener: RequestListener): RequestListener {
  return (req, res) => {
    const status = faultOf(req)
    if (status === undefined) return listener(req, res)
    res.writeHead(status, { Connection: 'close', 'Content-Length': 0 })
    res.end()
  }
}

/** The status that says what is wrong with a head; undefined if all is clear. */
function faultOf({ httpVersion, headers, rawHeaders }: IncomingMessage): 400 | 501 | 505 | undefined {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 505
  if (headers.host !== undefined && !HOST.test(headers.host)) return 400 // RFC 9112 §3.2
  if (hasRepeated(rawHeaders)) return 400
  const coding = headers['transfer-encoding']
  if (coding === undefined) return undefined
  if (httpVersion === '1.0') return 400 // RFC 9112 §6.1: faulty framing
  return coding.toLowerCase() === 'chunked' ? undefined : 501 // RFC 9112 §6.1
}

function hasRepeated(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (!ONCE.includes(name)) continue
    if (seen.has(name)) return true
    seen.add(name)
  }
  return false
}
