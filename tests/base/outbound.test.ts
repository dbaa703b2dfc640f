import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createOutbound, KEPT_ANSWER, type Outbound, OutboundError } from '../../server/base/outbound.ts'

type Target = AsyncDisposable & { url: string; port: number; requests: string[] }
type Address = { address: string; family: number }

const LOOPBACK: Address = { address: '127.0.0.1', family: 4 }
const PUBLIC: Address = { address: '93.184.215.14', family: 4 }

async function serve(listener: RequestListener): Promise<Target> {
  const requests: string[] = []
  const server = createServer((req, res) => {
    requests.push(`${req.method} ${req.url}`)
    listener(req, res)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A raw HTTP peer: calls `answer` for each request with the number of the request on its connection. */
async function serveRaw(answer: (socket: Socket, count: number) => void): Promise<Target> {
  const requests: string[] = []
  const sockets = new Set<Socket>()
  const server = createSocketServer(socket => {
    let count = 0
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', data => {
      count += 1
      requests.push(String(data).split('\r\n\r\n')[1] ?? '')
      answer(socket, count)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hook`,
    port,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

function outboundTo(options: Partial<Parameters<typeof createOutbound>[0]> = {}): Outbound & AsyncDisposable {
  const outbound = createOutbound({ allow: ['127.0.0.1/32'], timeoutMs: 5_000, ...options })
  return { ...outbound, [Symbol.asyncDispose]: () => outbound.hangUp() }
}

async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    assert.ok(error instanceof OutboundError, String(error))
    return error.fault
  }
  return 'none'
}

test('outbound: a post arrives with its headers and body, and its response is returned', async () => {
  let seen = {}
  await using target = await serve(async (req, res) => {
    seen = { type: req.headers['content-type'], id: req.headers['webhook-id'], body: await text(req) }
    res.writeHead(429, { 'retry-after': '17' }).end('later, please')
  })
  await using outbound = outboundTo()
  const answer = await outbound.post(
    target.url,
    { 'content-type': 'application/json', 'webhook-id': 'evt_1' },
    '{"a":1}',
  )
  assert.deepEqual(seen, { type: 'application/json', id: 'evt_1', body: '{"a":1}' })
  assert.deepEqual({ ...answer, body: await answer.body }, { status: 429, retryAfter: '17', body: 'later, please' })
})

test('outbound: a private address in the URL is refused in every notation', async () => {
  await using target = await serve((_req, res) => res.end())
  await using outbound = outboundTo({ allow: [] })
  const spellings = [
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '0.0.0.0',
  ]
  for (const host of spellings) {
    const url = `http://${host}:${target.port}/`
    assert.equal(await faultOf(outbound.check(url)), 'address_refused', host)
    assert.equal(await faultOf(outbound.post(url, {}, '')), 'address_refused', host)
    assert.equal(await faultOf(outbound.fetch(url)), 'address_refused', host)
  }
  for (const host of ['10.0.0.1', '169.254.169.254', '192.168.0.1', '[fd00::1]'])
    assert.equal(await faultOf(outbound.post(`http://${host}/`, {}, '')), 'address_refused', host)
  assert.deepEqual(target.requests, [])
})

test('outbound: a name that resolves to a private address is refused at the check and at connect', async () => {
  await using target = await serve((_req, res) => res.end())
  await using outbound = outboundTo({ allow: [], lookup: async () => [LOOPBACK] })
  const url = `http://platform.example:${target.port}/`
  assert.equal(await faultOf(outbound.check(url)), 'address_refused')
  assert.equal(await faultOf(outbound.post(url, {}, '')), 'address_refused')
  assert.equal(await faultOf(outbound.fetch(url)), 'address_refused')
  assert.deepEqual(target.requests, [])
})

test('outbound: localhost is resolved and checked like any other name', async () => {
  await using outbound = outboundTo({ allow: [] })
  assert.equal(await faultOf(outbound.post('http://localhost:9/', {}, '')), 'address_refused')
})

test('outbound: one private address among public ones is refused', async () => {
  await using outbound = outboundTo({ allow: [], lookup: async () => [PUBLIC, { address: '10.0.0.5', family: 4 }] })
  assert.equal(await faultOf(outbound.check('https://platform.example/')), 'address_refused')
  assert.equal(await faultOf(outbound.post('https://platform.example/', {}, '')), 'address_refused')
})

test('outbound: a name that is public at the check and private at connect is refused (DNS rebinding)', async () => {
  await using target = await serve((_req, res) => res.end())
  const answers = [[PUBLIC], [LOOPBACK], [PUBLIC], [LOOPBACK]]
  await using outbound = outboundTo({ allow: [], lookup: async () => answers.shift() ?? [] })
  const url = `http://platform.example:${target.port}/`
  await outbound.check(url)
  assert.equal(await faultOf(outbound.post(url, {}, '')), 'address_refused')
  await outbound.check(url)
  assert.equal(await faultOf(outbound.fetch(url)), 'address_refused')
  assert.deepEqual(target.requests, [])
})

test('outbound: the connection goes to the checked address without another lookup', async () => {
  await using target = await serve((_req, res) => res.end())
  const asked: string[] = []
  await using outbound = outboundTo({
    lookup: async host => {
      asked.push(host)
      return [LOOPBACK]
    },
  })
  const { status } = await outbound.post(`http://platform.example:${target.port}/hook`, {}, '')
  assert.equal(status, 200)
  assert.deepEqual(asked, ['platform.example'])
})

test('outbound: a redirect is a response and is never followed', async () => {
  await using elsewhere = await serve((_req, res) => res.end('reached'))
  await using target = await serve((_req, res) => res.writeHead(307, { location: elsewhere.url }).end())
  await using outbound = outboundTo()
  assert.equal((await outbound.post(target.url, {}, 'body')).status, 307)
  const fetched = await outbound.fetch(target.url, { redirect: 'follow' })
  assert.equal(fetched.status, 307)
  assert.deepEqual(elsewhere.requests, [])
})

test('outbound: 4 kB of a 2 MB response are kept', async () => {
  await using target = await serve((_req, res) => res.end('a'.repeat(2 * 1_024 * 1_024)))
  await using outbound = outboundTo()
  const { status, body } = await outbound.post(target.url, {}, '')
  assert.equal(status, 200)
  assert.equal(await body, 'a'.repeat(KEPT_ANSWER))
})

test('outbound: the connection of an endless response is closed', async () => {
  const hungUp = Promise.withResolvers<void>()
  await using target = await serve((_req, res) => {
    const more = () => {
      while (res.write('a'.repeat(10_000)));
    }
    res.on('drain', more).on('close', hungUp.resolve)
    more()
  })
  await using outbound = outboundTo()
  assert.equal((await (await outbound.post(target.url, {}, '')).body).length, KEPT_ANSWER)
  await hungUp.promise
})

test('outbound: no headers within the limit is a timeout', async () => {
  await using silent = await serve(() => undefined)
  await using outbound = outboundTo({ timeoutMs: 200 })
  assert.equal(await faultOf(outbound.post(silent.url, {}, '')), 'timeout')
})

/** The bytes that a peer sends after its headers. */
const BODIES: Record<string, (socket: Socket) => void> = {
  'nothing more': () => undefined,
  'half of what it promised, and hangs up': socket => void socket.end('half'),
  'half of what it promised, and resets': socket => void socket.write('half', () => socket.resetAndDestroy()),
  'one byte now and then': socket => {
    const drip = setInterval(() => socket.write('.'), 20)
    socket.on('close', () => clearInterval(drip))
  },
}

test('outbound: status and Retry-After are used once the headers have arrived, whatever the body does', async () => {
  for (const [name, body] of Object.entries(BODIES)) {
    for (const status of [200, 410, 503]) {
      const closed = Promise.withResolvers<void>()
      await using target = await serveRaw(socket => {
        socket.on('close', closed.resolve)
        socket.write(`HTTP/1.1 ${status} \r\nretry-after: 7\r\ncontent-length: 1000000\r\n\r\n`, () => body(socket))
      })
      await using outbound = outboundTo({ timeoutMs: 20_000 })
      const answer = await outbound.post(target.url, {}, '')
      assert.deepEqual([answer.status, answer.retryAfter], [status, '7'], name)
      assert.ok((await answer.body).length < 100, name)
      await closed.promise // a body without end does not keep the connection open
    }
  }
})

test('outbound: a response that cannot be parsed after its headers still counts', async () => {
  await using target = await serveRaw(
    socket => void socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nno length\r\n'),
  )
  await using outbound = outboundTo()
  const answer = await outbound.post(target.url, {}, '')
  assert.deepEqual([answer.status, await answer.body], [200, ''])
})

/** Posts, and returns when the connection is idle again. */
async function postAlone(outbound: Outbound, url: string, body: string): Promise<number> {
  const answer = await outbound.post(url, {}, body)
  await answer.body
  await new Promise(setImmediate)
  return answer.status
}

/** A peer that responds 204 to the first request of a connection and calls `second` for the next one. */
async function keepsAliveOnce(second: (socket: Socket) => void): Promise<Target> {
  return await serveRaw((socket, count) => {
    if (count === 1) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
    else second(socket)
  })
}

test('outbound: a post on a kept-alive connection that the peer closed is repeated on a new connection', async () => {
  for (const close of [(socket: Socket) => void socket.end(), (socket: Socket) => void socket.resetAndDestroy()]) {
    await using target = await keepsAliveOnce(close)
    await using outbound = outboundTo()
    for (const name of ['first', 'second']) assert.equal(await postAlone(outbound, target.url, name), 204, name)
    assert.deepEqual(target.requests, ['first', 'second', 'second'])
    assert.equal((await outbound.fetch(target.url)).status, 204)
    assert.equal((await outbound.fetch(target.url)).status, 204)
  }
})

test('outbound: the post is repeated once only', async () => {
  let connections = 0
  await using target = await serveRaw((socket, count) => {
    if (count === 1) connections += 1
    if (connections === 1 && count === 1) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
    else socket.end()
  })
  await using outbound = outboundTo()
  assert.equal(await postAlone(outbound, target.url, 'first'), 204)
  assert.equal(await faultOf(outbound.post(target.url, {}, 'second')), 'aborted')
  assert.deepEqual(target.requests, ['first', 'second', 'second'])
})

test('outbound: a post with a partial response or a failure on a new connection is not repeated', async () => {
  await using partly = await keepsAliveOnce(socket => void socket.end('HTTP/1.1 20'))
  await using outbound = outboundTo()
  assert.equal(await postAlone(outbound, partly.url, 'first'), 204)
  assert.notEqual(await faultOf(outbound.post(partly.url, {}, 'second')), 'none')
  assert.deepEqual(partly.requests, ['first', 'second'])
  await using rude = await serveRaw(socket => void socket.end())
  assert.equal(await faultOf(outbound.post(rude.url, {}, 'first')), 'aborted')
  assert.deepEqual(rude.requests, ['first'])
})

test('outbound: each kind of failure has its own name', async () => {
  const gone = await serve(() => undefined)
  await gone[Symbol.asyncDispose]()
  await using rude = await serve(req => req.socket.destroy())
  const babbler = createSocketServer((socket: Socket) => void socket.end('220 mail.example ESMTP\r\n')).listen(
    0,
    '127.0.0.1',
  )
  await once(babbler, 'listening')
  const { port } = babbler.address() as AddressInfo
  await using outbound = outboundTo({
    lookup: host => Promise.reject(Object.assign(new Error(host), { code: 'ENOTFOUND' })),
  })
  await using nowhere = outboundTo({ lookup: async () => [] })
  assert.equal(await faultOf(outbound.post(gone.url, {}, '')), 'connect')
  assert.equal(await faultOf(outbound.post(rude.url, {}, '')), 'aborted')
  assert.equal(await faultOf(outbound.post(`http://127.0.0.1:${port}/`, {}, '')), 'protocol')
  assert.equal(await faultOf(outbound.post(rude.url.replace('http:', 'https:'), {}, '')), 'tls')
  assert.equal(await faultOf(outbound.post('http://platform.example/', {}, '')), 'dns')
  assert.equal(await faultOf(outbound.check('http://platform.example/')), 'dns')
  assert.equal(await faultOf(nowhere.check('http://platform.example/')), 'dns')
  assert.equal(await faultOf(nowhere.post('http://platform.example/', {}, '')), 'dns')
  assert.equal(await faultOf(outbound.post('no address', {}, '')), 'protocol')
  babbler.close()
})

test('outbound: aborting ends the requests in progress', async () => {
  await using target = await serve(() => undefined)
  const outbound = createOutbound({ allow: ['127.0.0.1/32'] })
  const fault = faultOf(outbound.post(target.url, {}, ''))
  while (target.requests.length === 0) await new Promise(setImmediate)
  await outbound.hangUp()
  assert.equal(await fault, 'aborted')
})

test('fetch: responses up to 64 kB are returned whole, and larger ones are refused', async () => {
  await using target = await serve((req, res) =>
    res.setHeader('x-kind', 'jwks').end('a'.repeat(Number(req.url?.slice(1)))),
  )
  await using outbound = outboundTo()
  const answer = await outbound.fetch(new URL('/65536', target.url))
  assert.equal(answer.headers.get('x-kind'), 'jwks')
  assert.equal((await answer.text()).length, 65_536)
  assert.equal(await faultOf(outbound.fetch(new URL('/65537', target.url))), 'protocol')
  assert.equal(await faultOf(outbound.fetch(new URL('/9000000', target.url))), 'protocol')
})

test('fetch: a response without content has no body', async () => {
  await using target = await serve((_req, res) => res.writeHead(204).end())
  await using outbound = outboundTo()
  const answer = await outbound.fetch(target.url)
  assert.equal(answer.status, 204)
  assert.equal(await answer.text(), '')
})

test('fetch: no response within the limit is a timeout', async () => {
  await using target = await serve(() => undefined)
  await using outbound = outboundTo({ timeoutMs: 200 })
  assert.equal(await faultOf(outbound.fetch(target.url)), 'timeout')
})

test('plain http: allowed only if every address of a name is on the allow list', async () => {
  const names: Record<string, Address[]> = {
    inside: [LOOPBACK],
    outside: [PUBLIC],
    both: [LOOPBACK, PUBLIC],
    nowhere: [],
  }
  await using outbound = outboundTo({ lookup: async host => names[host.replace('.example', '')] ?? [] })
  assert.equal(await outbound.mayBePlain('http://127.0.0.1/'), true)
  assert.equal(await outbound.mayBePlain('http://[::1]/'), false)
  assert.equal(await outbound.mayBePlain('http://inside.example/'), true)
  for (const name of ['outside', 'both', 'nowhere'])
    assert.equal(await outbound.mayBePlain(`http://${name}.example/`), false, name)
})
