import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createInstance, failToStart, runCommand, startServer } from './support/child.ts'
import { onPostgres, withSqliteOnly } from './support/database.ts'
import { createWorld, PASSWORD, type World } from './support/world.ts'

const MOST = 10_000

/** A request without its last bytes; it is in flight once the server has begun to read it. */
async function halfSent(url: string): Promise<{ socket: Socket; rest: string; answer: Promise<string> }> {
  const body = new URLSearchParams({
    account_name: 'Harbor Books',
    email: 'ada@example.com',
    password: PASSWORD,
  }).toString()
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const head = [
    'POST /signup HTTP/1.1',
    'Host: localhost',
    'Sec-Fetch-Site: same-origin',
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    'Expect: 100-continue', // the server sends "100 Continue" when it has read the head
  ]
  socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 10)}`)
  const [continues] = (await once(socket, 'data')) as [Buffer]
  assert.match(continues.toString(), /^HTTP\/1\.1 100 Continue/)
  return { socket, rest: body.slice(10), answer: text(socket).catch(String) }
}

/** Returns once the port refuses connections. */
async function refuses(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  for (;;) {
    const socket = connect(Number(port), hostname)
    const outcome = await Promise.race([
      once(socket, 'connect').then(() => 'open'),
      once(socket, 'error').then(() => 'refused'),
    ]).catch(() => 'refused')
    socket.destroy()
    if (outcome === 'refused') return
  }
}

test('start: one log line when it accepts requests; the first start creates everything, the second reuses it', async () => {
  await using instance = await createInstance()
  const secretFile = join(instance.dataDir, 'root-secret')
  {
    await using server = await startServer(instance.env)
    assert.match(server.lines[0] ?? '', /^Latchkey listens on http:\/\/127\.0\.0\.1:\d+ as http:\/\/localhost:3000$/)
    assert.equal((await fetch(`${server.url}/readyz`)).status, 200)
    if (!onPostgres) {
      assert.equal(statSync(instance.dataDir).mode & 0o777, 0o700)
      for (const file of [secretFile, join(instance.dataDir, 'latchkey.db')])
        assert.equal(statSync(file).mode & 0o777, 0o600)
    }
    const ended = await server.stop()
    assert.equal(ended.code, 0, ended.stderr)
    assert.equal(ended.stdout.split('\n').length, 1)
  }
  const [secret, jwks] = [existsSync(secretFile) ? readFileSync(secretFile, 'utf8') : '', await jwksOf(instance.env)]
  if (!onPostgres) assert.equal(readFileSync(secretFile, 'utf8'), secret)
  assert.deepEqual(await jwksOf(instance.env), jwks)
})

async function jwksOf(env: Record<string, string>): Promise<unknown> {
  await using server = await startServer(env)
  return await (await fetch(`${server.url}/oauth/jwks`)).json()
}

test('start: servers started on an empty database at the same moment all start', async () => {
  await using instance = await createInstance()
  const servers = await Promise.all([startServer(instance.env), startServer(instance.env), startServer(instance.env)])
  try {
    const keys = await Promise.all(servers.map(async ({ url }) => await (await fetch(`${url}/oauth/jwks`)).text()))
    assert.equal(new Set(keys).size, 1)
    const ended = await Promise.all(servers.map(server => server.stop()))
    assert.deepEqual(
      ended.map(({ code }) => code),
      [0, 0, 0],
    )
  } finally {
    for (const server of servers) await server[Symbol.asyncDispose]()
  }
})

test(
  'start: invalid configuration exits with status 1 and every fault at once, and creates nothing',
  withSqliteOnly,
  async () => {
    await using instance = await createInstance()
    const ended = await failToStart({
      ...instance.env,
      PORT: 'http',
      PUBLIC_URL: 'http://connect.example.com',
      ROLES: 'api',
    })
    assert.equal(ended.code, 1)
    assert.equal(ended.stdout, '')
    assert.match(ended.stderr, /has 3 errors/)
    for (const name of ['PORT', 'PUBLIC_URL', 'ROLES']) assert.match(ended.stderr, new RegExp(`^ {2}${name}: `, 'm'))
    assert.doesNotMatch(ended.stderr, /^ +at /m)
    assert.equal(existsSync(instance.dataDir), false)
  },
)

test('start: a port in use exits with status 1 and a message', async () => {
  await using instance = await createInstance()
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  try {
    const ended = await failToStart({ ...instance.env, PORT: String((taken.address() as AddressInfo).port) })
    assert.equal(ended.code, 1)
    assert.equal(ended.stdout, '')
    assert.match(ended.stderr, /EADDRINUSE/)
  } finally {
    taken.close()
  }
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(
    `${signal}: accepts nothing new, finishes what is in flight, and exits with status 0`,
    signal === 'SIGINT' ? withSqliteOnly : {},
    async () => {
      await using instance = await createInstance()
      await using server = await startServer(instance.env)
      const { socket, rest, answer } = await halfSent(server.url)
      const ending = server.stop(signal)
      await refuses(server.url)
      socket.write(rest)
      assert.match(await answer, /^HTTP\/1\.1 303 See Other/)
      const { code, ms, stderr } = await ending
      assert.equal(code, 0, stderr)
      assert.ok(ms < MOST)
      assert.equal((await runCommand(instance.env, 'audit', 'verify')).code, 0)
    },
  )
}

test(
  'SIGTERM: callers that never finish or begin a request delay the exit by at most 10 seconds',
  withSqliteOnly,
  async () => {
    await using instance = await createInstance()
    await using server = await startServer(instance.env)
    const idle = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => undefined)
    await once(idle, 'connect')
    const { socket } = await halfSent(server.url)
    socket.on('error', () => undefined)
    const { code, ms, stderr } = await server.stop()
    assert.equal(code, 0, stderr)
    assert.ok(ms < MOST, `${ms} ms`)
    socket.destroy()
    idle.destroy()
  },
)

/** The environment of a process on the database of a world. */
function envOf(world: World): Record<string, string> {
  const { config } = world.deps
  const { database } = config
  return {
    DATA_DIR: world.dataDir,
    DATABASE_URL: database.kind === 'sqlite' ? `sqlite:${database.file}` : database.url,
    LATCHKEY_SECRET: config.secrets.join(','),
    PUBLIC_URL: world.url,
    PORT: '0',
    EGRESS_ALLOW: '127.0.0.1/32',
  }
}

test('ROLES: a web process delivers nothing, a worker process delivers and does not listen', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const installed = await world.install(await world.person(), app)
  {
    await using web = await startServer({ ...envOf(world), ROLES: 'web' })
    assert.equal((await fetch(`${web.url}/readyz`)).status, 200)
    assert.equal((await web.stop()).code, 0)
  }
  assert.equal(app.receiver.attempts.length, 0)
  await using worker = await startServer({ ...envOf(world), ROLES: 'worker' })
  assert.deepEqual(worker.lines, ['Latchkey worker is running'])
  const event = await app.receiver.waitFor('managed_key.created')
  assert.deepEqual(event.faults, [])
  assert.equal((await world.verify(event.key ?? ''))['installation_id'], installed.id)
  const ended = await worker.stop()
  assert.equal(ended.code, 0, ended.stderr)
})

test('SIGTERM: a worker whose receiver hangs exits with status 0 in time, and the delivery is not lost', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  app.receiver.behave('hang')
  await using worker = await startServer({ ...envOf(world), ROLES: 'worker' })
  await app.receiver.waitForAttempt(1)
  const { code, ms, stderr } = await worker.stop()
  assert.equal(code, 0, stderr)
  assert.ok(ms < MOST, `${ms} ms`)
  world.clock.advance(3_600_000)
  await world.deliver()
  await app.receiver.waitFor('managed_key.created')
})
