import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { connectLatchkey, keyOf, protect, verify } from 'latchkey/verify'
import { call, GOOD_VERDICT, guardedApi, PATIENT, type Served, serve, someKey, someVerifierKey } from './guarded-api.ts'

type Question = { key?: string; permission?: string; ip?: string }

/** A Latchkey with one response for everything, and the requests that it received. */
async function oneAnswer(answer: object): Promise<Served & { questions: Question[] }> {
  const questions: Question[] = []
  const server = await serve(async (req, res) => {
    questions.push(JSON.parse(await text(req)))
    res.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  })
  return { ...server, questions }
}

for (const [code, status, challenge] of [
  ['malformed', 401, /^Bearer realm="api", error="invalid_token", error_description="[^"]+"$/],
  ['not_found', 401, /error="invalid_token"/],
  ['expired', 401, /error="invalid_token"/],
  ['suspended', 401, /error="invalid_token"/],
  ['frozen', 401, /error="invalid_token"/],
  ['insufficient_permissions', 403, /^Bearer realm="api", error="insufficient_scope", .*scope="charges:read"$/],
  ['ip_not_allowed', 403, undefined],
  ['rate_limited', 429, undefined],
] as const) {
  test(`${status}: ${code}`, async () => {
    await using latchkey = await oneAnswer({ valid: false, code })
    await using api = await guardedApi({ url: latchkey.url })
    const key = someKey()
    const told = await call(api.url, key)
    assert.equal(told.status, status)
    assert.deepEqual([told.problem.code, told.problem.status], [code, status])
    assert.ok(told.problem.title && told.problem.detail)
    const header = told.headers.get('www-authenticate')
    if (challenge) assert.match(String(header), challenge)
    else assert.equal(header, null)
    assert.equal(told.headers.has('retry-after'), status === 429)
    assert.ok(!`${told.text}${header}`.includes(key))
    assert.deepEqual([api.passed, api.errors], [[], []])
  })
}

test('401: an unknown code is a key that does not work', async () => {
  for (const code of ['on_holiday', 'constructor', '__proto__', '']) {
    await using latchkey = await oneAnswer({ valid: false, code })
    await using api = await guardedApi({ url: latchkey.url })
    assert.equal((await call(api.url, someKey())).status, 401, code)
  }
})

test('401: no key, or one sent in another way; the challenge names no error (RFC 6750 §3.1), without a request', async () => {
  await using latchkey = await oneAnswer(GOOD_VERDICT)
  await using api = await guardedApi({ url: latchkey.url, realm: 'Northwind Pay' })
  const key = someKey()
  const basic = `Basic ${Buffer.from(`${key}:`).toString('base64')}`
  for (const headers of [{}, { authorization: basic }, { authorization: 'Bearer' }, { authorization: key }]) {
    const told = await call(api.url, undefined, headers as Record<string, string>)
    assert.deepEqual([told.status, told.problem.code], [401, 'key_missing'])
    assert.equal(told.headers.get('www-authenticate'), 'Bearer realm="Northwind Pay"')
  }
  assert.equal((await call(`${api.url}/?access_token=${key}&key=${key}`, undefined, { 'x-api-key': key })).status, 401)
  assert.deepEqual(latchkey.questions, [])
})

test('401: a malformed key is refused without a request', async () => {
  await using latchkey = await oneAnswer(GOOD_VERDICT)
  await using api = await guardedApi({ url: latchkey.url })
  const key = someKey()
  const wrong = key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')
  for (const bad of ['x', key.slice(0, -1), `${key}0`, wrong, `${key} ${key}`, someVerifierKey(), 'k'.repeat(8_000)]) {
    const told = await call(api.url, bad)
    assert.deepEqual([told.status, told.problem.code], [401, 'malformed'], bad)
    assert.match(String(told.headers.get('www-authenticate')), /error="invalid_token"/)
    assert.ok(!told.text.includes(bad) || bad === 'x')
  }
  assert.deepEqual(latchkey.questions, [])
})

test('400: two Authorization headers, whatever they contain', async () => {
  await using latchkey = await oneAnswer(GOOD_VERDICT)
  await using api = await guardedApi({ url: latchkey.url })
  const { port, hostname } = new URL(api.url)
  const key = someKey()
  for (const second of [`Bearer ${key}`, 'Basic eDp5', '']) {
    const socket = connect(Number(port), hostname)
    socket.write(
      `GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer ${key}\r\nAuthorization: ${second}\r\n\r\n`,
    )
    const answer = await text(socket)
    assert.match(answer, /^HTTP\/1.1 400 /)
    assert.match(answer, /error="invalid_request"/)
    assert.ok(!answer.includes(key))
  }
  assert.deepEqual(latchkey.questions, [])
})

test('the request has the verifier key, the permission of the route and the address of the socket', async () => {
  const seen: string[] = []
  await using latchkey = await serve((req, res) => {
    seen.push(`${req.method} ${req.url} ${req.headers.authorization} ${req.headers['content-type']}`)
    res.end(JSON.stringify(GOOD_VERDICT))
  })
  const verifierKey = someVerifierKey()
  await using api = await guardedApi({ url: `${latchkey.url}/behind/a/prefix/`, verifierKey })
  assert.equal((await call(api.url, someKey())).status, 200)
  assert.deepEqual(seen, [`POST /behind/a/prefix/v1/keys/verify Bearer ${verifierKey} application/json`])
})

test('the address: X-Forwarded-For is used only if configured, and only as far as the proxies reach', async () => {
  for (const { options, forwarded, ip } of [
    { options: {}, forwarded: '203.0.113.7', ip: '127.0.0.1' },
    { options: { trustProxy: 1 }, forwarded: '203.0.113.7', ip: '203.0.113.7' },
    { options: { trustProxy: 1 }, forwarded: '198.51.100.1, 203.0.113.7', ip: '203.0.113.7' },
    { options: { trustProxy: 2 }, forwarded: '198.51.100.1, 203.0.113.7, 10.0.0.1', ip: '203.0.113.7' },
    { options: { trustProxy: 1 }, forwarded: '', ip: '127.0.0.1' },
    { options: { trustProxy: 1 }, forwarded: '203.0.113.7:4711', ip: '203.0.113.7' },
    { options: { trustProxy: 1 }, forwarded: '[2001:db8::7]:4711', ip: '2001:db8::7' },
    { options: { trustProxy: 1 }, forwarded: '::ffff:203.0.113.7', ip: '203.0.113.7' },
    { options: { trustProxy: 1 }, forwarded: 'fe80::1%eth0', ip: 'fe80::1' },
    { options: { trustProxy: 1 }, forwarded: 'unknown', ip: undefined },
    { options: { address: () => '::ffff:203.0.113.9' }, forwarded: '198.51.100.1', ip: '203.0.113.9' },
    { options: { address: () => 'nonsense' }, forwarded: '', ip: undefined },
    { options: { address: () => undefined, trustProxy: 1 }, forwarded: '198.51.100.1', ip: undefined },
  ]) {
    await using latchkey = await oneAnswer(GOOD_VERDICT)
    await using api = await guardedApi({ url: latchkey.url, ...options })
    const key = someKey()
    assert.equal((await call(api.url, key, { 'x-forwarded-for': forwarded })).status, 200)
    const question = { key, permission: 'charges:read', ...(ip && { ip }) }
    assert.deepEqual(latchkey.questions, [question], JSON.stringify({ options, forwarded }))
  }
})

test('a key may be read by a custom function; one that throws refuses the call', async () => {
  await using latchkey = await oneAnswer(GOOD_VERDICT)
  const key = (req: { headers: Record<string, unknown> }) => req.headers['x-api-key'] as string | undefined
  await using api = await guardedApi({ url: latchkey.url, key })
  assert.equal((await call(api.url, undefined, { 'x-api-key': someKey() })).status, 200)
  assert.equal((await call(api.url, someKey())).status, 401)
  const fail = () => {
    throw new Error('of the operator’s own')
  }
  for (const options of [{ key: fail }, { address: fail }]) {
    await using failing = await guardedApi({ url: latchkey.url, ...options })
    assert.equal((await call(failing.url, someKey())).status, 503)
    assert.match(failing.errors[0] ?? '', /operator’s own/)
  }
})

test('simultaneous requests on one connection are verified separately', async () => {
  await using latchkey = await oneAnswer(GOOD_VERDICT)
  await using api = await guardedApi({ url: latchkey.url })
  const { port, hostname } = new URL(api.url)
  const one = (key: string, end: string) => `GET / HTTP/1.1\r\nhost: x\r\n${end}authorization: Bearer ${key}\r\n\r\n`
  const socket = connect(Number(port), hostname)
  const keys = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? someKey() : 'no-key'))
  socket.write(keys.map((key, index) => one(key, index === 19 ? 'connection: close\r\n' : '')).join(''))
  const statuses = [...(await text(socket)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)
  assert.deepEqual(statuses.join(' '), keys.map(key => (key === 'no-key' ? '401' : '200')).join(' '))
})

test('a refused upload does not wait for its body', async () => {
  await using latchkey = await oneAnswer({ valid: false, code: 'expired' })
  await using api = await guardedApi({ url: latchkey.url })
  const upload = request(api.url, { method: 'POST', headers: { authorization: `Bearer ${someKey()}` } })
  upload.on('error', () => undefined)
  upload.write('the first of many bytes')
  const status = await new Promise(resolve => upload.once('response', answer => resolve(answer.statusCode)))
  upload.destroy()
  assert.equal(status, 401)
})

test('options: every fault is reported when the guard is made, without a secret', () => {
  const good = { url: 'http://127.0.0.1:3000', verifierKey: someVerifierKey() }
  connectLatchkey(good).close()
  const managed = someKey()
  for (const { options, names } of [
    { options: {}, names: [/url/, /verifierKey/] },
    { options: { ...good, url: 'latchkey.example' }, names: [/url/] },
    { options: { ...good, url: 'ftp://latchkey.example' }, names: [/url/] },
    { options: { ...good, url: 'https://me:secret@latchkey.example' }, names: [/url/] },
    { options: { ...good, url: 'https://latchkey.example/?a=1' }, names: [/url/] },
    { options: { ...good, verifierKey: '' }, names: [/verifierKey/] },
    { options: { ...good, verifierKey: managed }, names: [/verifierKey/] },
    { options: { ...good, verifierKey: `${good.verifierKey}\n` }, names: [/verifierKey/] },
    { options: { ...good, realm: 'a "realm"', timeoutMs: 0, connections: 0.5 }, names: [/realm/, /timeout/, /conn/] },
    { options: { ...good, trustProxy: -1 }, names: [/trustProxy/] },
    { options: { ...good, trustProxy: true as unknown as number }, names: [/trustProxy/] },
    { options: { ...good, key: 'x' as unknown as () => string }, names: [/key must be a function/] },
  ]) {
    assert.throws(
      () => connectLatchkey(options),
      (error: Error) => {
        for (const name of names) assert.match(error.message, name)
        assert.ok(!error.message.includes('secret') && !error.message.includes(managed))
        return error instanceof TypeError
      },
      JSON.stringify(options),
    )
  }
})

test('an invalid permission is reported when the route is made, and never means "any key"', async () => {
  const latchkey = connectLatchkey({ url: 'http://127.0.0.1:1', verifierKey: someVerifierKey(), timeoutMs: PATIENT })
  const slip = undefined as unknown as string
  for (const permission of ['', 'two words', 'a"b', 'p'.repeat(81), slip, null as unknown as string]) {
    assert.throws(() => latchkey.protect(permission), TypeError)
    await assert.rejects(latchkey.verify({ headers: {} } as never, permission), TypeError)
  }
  assert.equal(typeof latchkey.protect(), 'function')
  latchkey.close()
})

test('without the address of Latchkey in the environment, the one-line form fails at the start', async () => {
  assert.throws(() => protect('charges:read'), /LATCHKEY_URL.*LATCHKEY_VERIFIER_KEY/)
  await assert.rejects(verify({ headers: {} } as never, 'charges:read'), /LATCHKEY_URL/)
})

test('a handler that is not behind protect has no key', () => {
  assert.throws(() => keyOf({} as never), /not behind protect/)
})
