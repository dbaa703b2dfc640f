/**
 * The load generator, in a separate process: keep-alive connections, one request at a time on each, over plain sockets with
 * prepared requests, because a full HTTP client would take longer per request than the server. It receives commands over IPC,
 * one load after another, and stays warm between them.
 */
import { connect } from 'node:net'
import { percentile } from '../statistics.ts'

export type Load = {
  port: number
  requests: string[]
  connections: number
  milliseconds: number
  /** Sends each request once, then ends. */
  once?: boolean
}
export type LoadFigures = {
  answers: number
  perSecond: number
  /** Milliseconds. */
  p50: number
  p99: number
  /** Responses without `"valid":true`. */
  refused: number
  /** The share of one core that the generator used; near 1 it measures itself. */
  ownShare: number
}

process.on('message', async (load: Load) => process.send?.(await run(load)))
process.send?.('ready')

async function run({ port, requests, connections, milliseconds, once = false }: Load): Promise<LoadFigures> {
  const written = requests.map(text => Buffer.from(text))
  const times: number[] = []
  let [refused, next] = [0, 0]
  const cpu = process.cpuUsage()
  const from = performance.now()
  const lane = () =>
    talk(port, {
      next() {
        const over = performance.now() - from > milliseconds || (once && next >= written.length)
        next += 1
        return over ? undefined : written[next % written.length]
      },
      took(time, body) {
        times.push(time)
        if (!body.includes('"valid":true')) refused += 1
      },
    })
  await Promise.all(Array.from({ length: connections }, lane))
  const elapsed = performance.now() - from
  const { user, system } = process.cpuUsage(cpu)
  return {
    answers: times.length,
    perSecond: (times.length * 1_000) / elapsed,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    refused,
    ownShare: (user + system) / 1_000 / elapsed,
  }
}

type Talk = { next(): Buffer | undefined; took(time: number, body: string): void }

/** One connection, until there is no next request. Responses must have a Content-Length. */
function talk(port: number, { next, took }: Talk): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let [heard, sentAt] = ['', 0]
    const ask = () => {
      const request = next()
      if (!request) return void socket.end(resolve)
      sentAt = performance.now()
      socket.write(request)
    }
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      heard += text
      const head = heard.indexOf('\r\n\r\n')
      if (head < 0) return
      const length = /\r\ncontent-length: *(\d+)/i.exec(heard)?.[1]
      if (length === undefined) return void socket.destroy(new Error(`an answer without length: ${heard}`))
      if (heard.length < head + 4 + Number(length)) return
      took(performance.now() - sentAt, heard)
      heard = ''
      ask()
    })
    socket.once('connect', ask)
    socket.once('error', reject)
  })
}
