import http from 'node:http'
import https from 'node:https'

const MOST_BYTES = 64 * 1024

/** @typedef {{ key: string, permission?: string | undefined, ip?: string | undefined }} Question */

/**
 * `POST /v1/keys/verify` over kept-alive connections. Responses are never cached: a key that expired a moment ago must be
 * refused.
 * @param {{ url: URL, verifierKey: string, timeoutMs: number, connections: number }} settings
 */
export function createAsker({ url, verifierKey, timeoutMs, connections }) {
  const { Agent, request } = url.protocol === 'https:' ? https : http
  const agent = new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections })
  const headers = {
    authorization: `Bearer ${verifierKey}`,
    'content-type': 'application/json',
    accept: 'application/json',
  }

  /**
   * @param {string} body
   * @param {AbortSignal} signal
   * @param {boolean} anew on a new connection
   */
  function send(body, signal, anew) {
    return exchange(request(url, { method: 'POST', headers, signal, agent: anew ? false : agent }), body)
  }

  return {
    /**
     * Returns the parsed response of Latchkey; throws if there is none in time.
     * @param {Question} question
     * @param {AbortController} stop aborts the request
     * @returns {Promise<unknown>}
     */
    async ask(question, stop) {
      const body = JSON.stringify(question)
      const late = setTimeout(() => stop.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
      try {
        return parse(
          await send(body, stop.signal, false).catch(error => {
            if (!(error instanceof StaleConnection) || stop.signal.aborted) throw error
            return send(body, stop.signal, true) // Latchkey closed the idle connection: the request was not processed
          }),
        )
      } catch (error) {
        throw stop.signal.aborted ? stop.signal.reason : error
      } finally {
        clearTimeout(late)
      }
    },
    close: () => agent.destroy(),
  }
}

/**
 * Sends the body and reads the response, which must have status 200 and a bounded size.
 * @param {http.ClientRequest} asked
 * @param {string} body
 * @returns {Promise<string>}
 */
function exchange(asked, body) {
  return new Promise((resolve, reject) => {
    let bytesBefore = 0
    let answered = false
    const fail = (/** @type {Error & { code?: string }} */ error) => {
      asked.destroy()
      const untouched = asked.socket?.bytesRead === bytesBefore
      const hungUp = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      reject(asked.reusedSocket && untouched && hungUp ? new StaleConnection() : error)
    }
    asked.once('socket', socket => {
      bytesBefore = socket.bytesRead
    })
    asked.on('error', fail)
    asked.once('close', () => answered || fail(new Error('the connection was closed')))
    asked.once('response', answer => {
      answer.on('error', fail)
      if (answer.statusCode !== 200) {
        const hint = answer.statusCode === 401 ? '; is the verifier key still good?' : ''
        fail(new Error(`it answered ${answer.statusCode}${hint}`))
        return
      }
      /** @type {Buffer[]} */
      const chunks = []
      let bytes = 0
      answer.on('data', chunk => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > MOST_BYTES) fail(new Error('it answered more than a verdict'))
      })
      answer.once('end', () => {
        answered = true
        resolve(Buffer.concat(chunks).toString())
      })
    })
    asked.end(body)
  })
}

/** A kept-alive connection that closed before the first byte of the response. */
class StaleConnection extends Error {
  constructor() {
    super('the connection was closed')
  }
}

/**
 * Hides the parser's message, which would quote the response.
 * @param {string} text
 * @returns {unknown}
 */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it answered no JSON')
  }
}
