import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { boundRequests } from '../../server/http/bound-requests.ts'
import { boundConnections } from '../../server/http/connections.ts'
import { createWebServer } from '../../server/http/web-server.ts'

const REQUEST = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
const TIMES = {
  headersTimeout: 100,
  requestTimeout: 200,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 20,
  timeout: 500,
}

/** A server on loopback for one test, and connections to it from any address of loopback. */
async function listening(server: Server) {
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sockets: Socket[] = []
  return {
    async open(localAddress = '127.0.0.1'): Promise<Socket> {
      const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined)
      sockets.push(socket)
      await once(socket, 'connect')
      return socket
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** The status line of the next response. */
async function status(socket: Socket): Promise<string> {
  const [part] = (await once(socket, 'data')) as [Buffer]
  return part.toString().split('\r\n')[0] ?? ''
}

const ok: RequestListener = (_req, res) => void res.end('ok')
const OK = 'HTTP/1.1 200 OK'

test('503: one address has its share of the connections; other addresses and proxies are served', async () => {
  const server = createServer(ok)
  boundConnections(server, { most: 10, perAddress: 2, isProxy: address => address === '127.0.0.3' })
  await using endpoint = await listening(server)
  const own = [await endpoint.open(), await endpoint.open()]
  const [refused, other] = [await endpoint.open(), await endpoint.open('127.0.0.2')]
  assert.match(await text(refused), /^HTTP\/1\.1 503 .*Retry-After: 1/s)
  for (const socket of [...own, other]) {
    socket.write(REQUEST)
    assert.equal(await status(socket), OK)
  }
  for (let count = 0; count < 4; count += 1) {
    const proxy = await endpoint.open('127.0.0.3')
    proxy.write(REQUEST)
    assert.equal(await status(proxy), OK)
  }
  own[0]?.destroy()
  let answer = ''
  while (answer !== OK) {
    const again = await endpoint.open() // once the server has noticed
    again.write(REQUEST)
    answer = await status(again)
  }
})

test('connections: at the limit the most idle one is closed for a new one; if none is idle, the new one gets 503', async () => {
  const server = createServer(ok)
  const look = boundConnections(server, { most: 2 })
  await using endpoint = await listening(server)
  const [quiet, busy] = [await endpoint.open(), await endpoint.open()]
  quiet.resume() // so that its end is seen
  const ended = once(quiet, 'close')
  const talk = async (socket: Socket) => {
    socket.write(REQUEST)
    assert.equal(await status(socket), OK)
  }
  await talk(busy)
  const early = await endpoint.open()
  assert.match(await text(early), /^HTTP\/1\.1 503 /)
  for (let count = 0; count < 3; count += 1) {
    look()
    await talk(busy)
  }
  await talk(await endpoint.open())
  await ended
  await talk(busy)
})

test('slow readers: a client that stops reading its response is disconnected; one that reads slowly is not', async () => {
  const big: RequestListener = (_req, res) => void res.end(Buffer.alloc(64 * 1_024 * 1_024)) // more than the kernel buffers
  await using endpoint = await listening(createWebServer(boundRequests(big), {}, TIMES))
  const [stuck, steady] = [await endpoint.open(), await endpoint.open()]
  steady.on('readable', () => undefined)
  const reading = setInterval(() => {
    for (let read = 0, part: Buffer | null; read < 1_000_000; read += part.length) {
      part = steady.read() as Buffer | null
      if (!part) return
    }
  }, 50)
  for (const socket of [steady, stuck]) socket.write(REQUEST)
  const ended = once(stuck.pause(), 'close')
  setTimeout(() => stuck.resume(), 1_500) // after twice the timeout: its end is noticed only after the sent bytes are read
  await ended
  assert.ok(stuck.bytesRead < 64 * 1_024 * 1_024)
  assert.equal(steady.destroyed, false)
  assert.ok(steady.bytesRead < 64 * 1_024 * 1_024, 'still reading')
  clearInterval(reading)
})

test('408: a head or a body that never ends is refused in time', async () => {
  await using endpoint = await listening(createWebServer(boundRequests(ok), {}, TIMES))
  const [head, body] = [await endpoint.open(), await endpoint.open()]
  const began = performance.now()
  head.write('GET / HTTP/1.1\r\nHost: local')
  body.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n1')
  assert.match(await text(head), /^HTTP\/1\.1 408 /)
  await text(body)
  assert.ok(performance.now() - began < 2_000)
})

test('503: pipelined requests that never wait for a response', async () => {
  const waiting: (() => void)[] = []
  const listener: RequestListener = (_req, res) => void waiting.push(() => res.end('ok'))
  await using endpoint = await listening(createWebServer(boundRequests(listener)))
  const eager = await endpoint.open()
  const answers = text(eager)
  eager.write(REQUEST.repeat(40))
  while (waiting.length < 16) await new Promise(resolve => setImmediate(resolve))
  for (const answer of waiting) answer()
  const heard = await answers
  assert.equal(heard.split(OK).length - 1, 16)
  assert.match(heard, /HTTP\/1\.1 503 .*Retry-After: 1/s)
  assert.equal(waiting.length, 16)
})

test('connections: a client that keeps sending a body after the response is disconnected', async () => {
  await using endpoint = await listening(createWebServer(boundRequests(ok)))
  const endless = await endpoint.open()
  endless.write('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
  const more = setInterval(() => endless.write('1\r\nx\r\n'), 50)
  let heard = ''
  endless.on('data', part => {
    heard += String(part)
  })
  await new Promise(resolve => endless.once('close', resolve)) // with or without ECONNRESET
  clearInterval(more)
  assert.match(heard, /^HTTP\/1\.1 200 OK/)
})
