import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { brokenLatchkey, call, GOOD_VERDICT, guardedApi, httpAnswer, PATIENT, serve, someKey } from './guarded-api.ts'

/** Calls the API once, and requires a refusal that never reveals the key. */
async function assertRefused(talk: (socket: Socket) => void, reason: RegExp, timeoutMs = PATIENT): Promise<void> {
  await using latchkey = await brokenLatchkey(talk)
  await using api = await guardedApi({ url: latchkey.url, timeoutMs })
  const key = someKey()
  const told = await call(api.url, key)
  assert.equal(told.status, 503)
  assert.equal(told.headers.get('content-type'), 'application/problem+json')
  assert.equal(told.headers.get('cache-control'), 'no-store')
  assert.match(String(told.headers.get('retry-after')), /^\d+$/)
  assert.equal(told.headers.get('www-authenticate'), null)
  assert.deepEqual([told.problem.code, told.problem.status], ['verification_unavailable', 503])
  assert.deepEqual(api.passed, [])
  assert.equal(api.errors.length, 1)
  assert.match(api.errors[0] ?? '', reason)
  for (const said of [told.text, ...api.errors]) assert.ok(!said.includes(key) && !said.includes(key.slice(12)))
}

const onRequest = (work: (socket: Socket) => void) => (socket: Socket) => void socket.once('data', () => work(socket))
const answers =
  (...parts: string[]) =>
  (socket: Socket) =>
    onRequest(() => {
      for (const part of parts) socket.write(part)
    })(socket)

test('503: Latchkey never responds', () => assertRefused(() => undefined, /no answer within 300 ms/, 300))

test('503: Latchkey sends half a head, and then nothing', () =>
  assertRefused(answers('HTTP/1.1 200 OK\r\ncontent-le'), /no answer within 300 ms/, 300))

test('503: Latchkey sends its response byte by byte for longer than the timeout', () => {
  const drip = onRequest(socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n')
    const timer = setInterval(() => socket.write(' '), 20)
    socket.once('close', () => clearInterval(timer))
  })
  return assertRefused(drip, /no answer within 400 ms/, 400)
})

test('503: Latchkey announces more than it sends, and closes the connection', () => {
  const half = onRequest(socket => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"valid":true'))
  return assertRefused(half, /./)
})

test('503: Latchkey closes the connection without a response', () =>
  assertRefused(
    onRequest(socket => socket.end()),
    /./,
  ))

test('503: Latchkey resets the connection', () =>
  assertRefused(
    onRequest(socket => socket.resetAndDestroy()),
    /./,
  ))

test('503: the response is not HTTP', () => assertRefused(answers('SSH-2.0-OpenSSH_9.9\r\n\r\n'), /./))

test('503: the response switches protocols', () =>
  assertRefused(answers('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'), /./))

for (const status of ['500 Oh', '502 Bad', '429 Slow', '404 None', '403 No', '201 Made', '204 Empty']) {
  test(`503: Latchkey responds ${status}, with a valid verdict or without`, () =>
    assertRefused(answers(httpAnswer(GOOD_VERDICT, { status })), new RegExp(`it answered ${status.slice(0, 3)}`)))
}

test('503: the verifier key is refused: the operator’s log says so, the caller does not learn it', () =>
  assertRefused(answers(httpAnswer('{}', { status: '401 No' })), /401; is the verifier key still good\?/))

test('503: a redirect is not followed', async () => {
  const reached: string[] = []
  await using elsewhere = await serve((req, res) => {
    reached.push(String(req.url))
    res.end(JSON.stringify(GOOD_VERDICT))
  })
  for (const status of ['302 Found', '307 Temporary', '308 Permanent']) {
    const headers = `location: ${elsewhere.url}/v1/keys/verify\r\n`
    await assertRefused(answers(httpAnswer('', { status, headers })), /it answered 30/)
  }
  assert.deepEqual(reached, [])
})

for (const body of [
  '',
  'OK',
  '<!doctype html>',
  'null',
  'true',
  '[]',
  '{"valid":true',
  '{"valid":"true"}',
  '{"valid":1}',
  '{"valid":false}',
  '{"valid":true}',
  JSON.stringify({ ...GOOD_VERDICT, permissions: undefined }),
  JSON.stringify({ ...GOOD_VERDICT, permissions: 'charges:read' }),
  JSON.stringify({ ...GOOD_VERDICT, permissions: ['charges:write'] }),
  JSON.stringify({ ...GOOD_VERDICT, account_id: null }),
  JSON.stringify({ ...GOOD_VERDICT, mode: 'other' }),
]) {
  test(`503: 200 with ${body || 'nothing'} is no verdict`, () =>
    assertRefused(answers(httpAnswer(body)), /no JSON|something else than a verdict/))
}

test('503: a response of 10 MB is not read to its end', async () => {
  let sent = 0
  const flood = onRequest(socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n')
    const pour = () => {
      while (!socket.destroyed && sent < 10_000_000 && socket.write(' '.repeat(16_384))) sent += 16_384
    }
    socket.on('drain', pour)
    pour()
  })
  await assertRefused(flood, /more than a verdict/)
})

test('503: the connection is refused', async () => {
  const latchkey = await brokenLatchkey(() => undefined)
  await latchkey[Symbol.asyncDispose]()
  await using api = await guardedApi({ url: latchkey.url })
  assert.equal((await call(api.url, someKey())).status, 503)
  assert.match(api.errors[0] ?? '', /ECONNREFUSED/)
})

test('a kept-alive connection that turns out closed: the request is repeated once on a new connection', async () => {
  await using latchkey = await brokenLatchkey((socket, connection) => {
    let asked = 0
    socket.on('data', () => {
      asked += 1
      if (connection === 1 && asked === 2) socket.destroy()
      else socket.write(httpAnswer(GOOD_VERDICT))
    })
  })
  await using api = await guardedApi({ url: latchkey.url, connections: 1 })
  assert.equal((await call(api.url, someKey())).status, 200)
  assert.equal((await call(api.url, someKey())).status, 200)
  assert.deepEqual([latchkey.connections, latchkey.requests.length], [2, 3])
  assert.deepEqual(api.errors, [])
})

test('503: the request is repeated once only', async () => {
  await using latchkey = await brokenLatchkey(socket => {
    let asked = 0
    socket.on('data', () => {
      asked += 1
      if (asked === 1 && latchkey.connections === 1) socket.write(httpAnswer(GOOD_VERDICT))
      else socket.destroy()
    })
  })
  await using api = await guardedApi({ url: latchkey.url, connections: 1 })
  assert.equal((await call(api.url, someKey())).status, 200)
  assert.equal((await call(api.url, someKey())).status, 503)
  assert.deepEqual([latchkey.connections, latchkey.requests.length], [2, 3])
})

test('503: a kept-alive connection that closes in the middle of a response is not repeated', async () => {
  await using latchkey = await brokenLatchkey(socket => {
    let asked = 0
    socket.on('data', () => {
      asked += 1
      if (asked === 1) socket.write(httpAnswer(GOOD_VERDICT))
      else socket.write('HTTP/1.1 200 OK\r\n', () => socket.destroy())
    })
  })
  await using api = await guardedApi({ url: latchkey.url, connections: 1 })
  assert.equal((await call(api.url, someKey())).status, 200)
  assert.equal((await call(api.url, someKey())).status, 503)
  assert.deepEqual([latchkey.connections, latchkey.requests.length], [1, 2])
})

test('a new connection that closes is not repeated', async () => {
  await using latchkey = await brokenLatchkey(onRequest(socket => socket.destroy()))
  await using api = await guardedApi({ url: latchkey.url })
  assert.equal((await call(api.url, someKey())).status, 503)
  assert.equal(latchkey.connections, 1)
})

test('connections are limited, and every caller gets a response', async () => {
  await using latchkey = await brokenLatchkey(socket => {
    socket.on('data', () => setImmediate(() => socket.write(httpAnswer(GOOD_VERDICT))))
  })
  await using api = await guardedApi({ url: latchkey.url, connections: 2 })
  const told = await Promise.all(Array.from({ length: 30 }, () => call(api.url, someKey())))
  assert.ok(told.every(({ status }) => status === 200))
  assert.ok(latchkey.connections <= 2)
  assert.equal(latchkey.requests.length, 30)
})

test('callers that wait for a free connection are refused in time too', async () => {
  await using latchkey = await brokenLatchkey(() => undefined)
  await using api = await guardedApi({ url: latchkey.url, connections: 1, timeoutMs: 300 })
  const told = await Promise.all(Array.from({ length: 5 }, () => call(api.url, someKey())))
  assert.deepEqual(
    told.map(({ status }) => status),
    [503, 503, 503, 503, 503],
  )
})

test('the request is aborted when the caller disconnects', async () => {
  const asked = Promise.withResolvers<Socket>()
  await using latchkey = await brokenLatchkey(onRequest(socket => asked.resolve(socket)))
  await using api = await guardedApi({ url: latchkey.url })
  const caller = connect(Number(new URL(api.url).port), '127.0.0.1')
  caller.write(`GET / HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${someKey()}\r\n\r\n`)
  const toLatchkey = await asked.promise
  caller.destroy()
  await once(toLatchkey, 'close')
  assert.deepEqual([api.passed, api.errors], [[], []])
})

test('verification works again as soon as Latchkey does', async () => {
  let up = false
  await using latchkey = await serve((_req, res) => {
    if (up) res.end(JSON.stringify(GOOD_VERDICT))
    else res.writeHead(500).end()
  })
  await using api = await guardedApi({ url: latchkey.url })
  assert.equal((await call(api.url, someKey())).status, 503)
  up = true
  assert.equal((await call(api.url, someKey())).status, 200)
})

test('every request is verified: a verdict is not cached', async () => {
  const verdicts = [GOOD_VERDICT, { valid: false, code: 'expired' }, GOOD_VERDICT]
  await using latchkey = await serve((_req, res) => res.end(JSON.stringify(verdicts.shift())))
  await using api = await guardedApi({ url: latchkey.url })
  const key = someKey()
  for (const status of [200, 401, 200]) assert.equal((await call(api.url, key)).status, status)
})
