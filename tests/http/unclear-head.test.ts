import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createWorld, type World } from '../support/world.ts'

/** The status of the response to these bytes; the server must close the connection itself, unless asked to. */
async function statusOf(world: World, lines: string[], body = ''): Promise<number> {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1')
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(await text(socket)) ?? []
  return Number(status)
}

const CLOSE = 'Connection: close'
const CHUNKS = '0\r\n\r\n'

test('a head with an ambiguous host, identity or end of body is refused, and the connection is closed', async () => {
  await using world = await createWorld({ worker: false })
  const refused: [number, string[], string?][] = [
    [400, ['GET /healthz HTTP/1.1']],
    [400, ['GET /healthz HTTP/1.1', 'Host: a.example', 'Host: b.example']],
    [400, ['GET /healthz HTTP/1.1', 'Host: a.example', 'host: a.example']],
    [400, ['POST /v1/keys/verify HTTP/1.1', 'Host: a.example', 'Host: b.example', 'Content-Length: 2'], '{}'],
    [400, ['GET /oauth/jwks HTTP/1.1', 'Host: a.example', 'Host: b.example']],
    ...[
      'a b',
      'user@a.example',
      'a.example/x',
      'a.example:80x',
      '[::1',
      'a.example?',
      'a"b',
      'a.example, b.example#',
    ].map((host): [number, string[]] => [400, ['GET /healthz HTTP/1.1', `Host: ${host}`]]),
    [400, ['GET /v1/installations HTTP/1.1', 'Host: a', 'Authorization: Bearer a', 'Authorization: Bearer b']],
    [400, ['POST /signin HTTP/1.1', 'Host: a', 'Content-Type: text/plain', 'Content-Type: a/b', 'Content-Length: 0']],
    [400, ['POST /signin HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 2'], 'ab'],
    [400, ['POST /signin HTTP/1.1', 'Host: a', 'Content-Length: 5', 'Transfer-Encoding: chunked'], CHUNKS],
    [400, ['POST /signin HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked'], CHUNKS],
    [501, ['POST /signin HTTP/1.1', 'Host: a', 'Transfer-Encoding: gzip, chunked'], CHUNKS],
    [505, ['GET /healthz HTTP/2.0', 'Host: a']],
  ]
  for (const [status, lines, body] of refused)
    assert.equal(await statusOf(world, lines, body), status, lines.join(' | '))
})

test('every unambiguous way to name the host is served, absolute URLs and HTTP/1.0 included', async () => {
  await using world = await createWorld({ worker: false })
  for (const host of [
    'a.example',
    'a.example:8080',
    'a.example:',
    '[::1]',
    '[::1]:3000',
    '203.0.113.7',
    'x_y.local',
    '',
  ])
    assert.equal(await statusOf(world, ['GET /healthz HTTP/1.1', `Host: ${host}`, CLOSE]), 200, host)
  assert.equal(await statusOf(world, ['GET /healthz HTTP/1.0']), 200)
  assert.equal(await statusOf(world, ['GET http://a.example/healthz HTTP/1.1', 'Host: a.example', CLOSE]), 200)
  const chunked = ['POST /v1/keys/verify HTTP/1.1', 'Host: a', 'Transfer-Encoding: Chunked', CLOSE]
  assert.equal(await statusOf(world, chunked, CHUNKS), 400) // refused by the route, as a request without a key
})
