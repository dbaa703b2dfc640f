import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Address, createResolveName } from '../../server/base/resolve-name.ts'

const A = 1
const NXDOMAIN = 3

/**
 * A name server (RFC 1035 §4) that knows `known`, never responds for names under `silent.example`, and denies others.
 */
async function serveNames(known: Record<string, string>): Promise<AsyncDisposable & { address: string }> {
  const socket = createSocket('udp4')
  socket.on('message', (question, from) => {
    const labels: string[] = []
    let end = 12
    for (let length = question[end] ?? 0; length > 0; length = question[end] ?? 0) {
      labels.push(question.toString('latin1', end + 1, end + 1 + length))
      end += 1 + length
    }
    const name = labels.join('.').toLowerCase()
    if (name.endsWith('silent.example')) return
    const type = question.readUInt16BE(end + 1)
    const address = type === A ? known[name] : undefined
    const header = Buffer.from(question.subarray(0, 12))
    header.writeUInt16BE(0x8180 | (name in known ? 0 : NXDOMAIN), 2)
    for (const [at, count] of [1, address ? 1 : 0, 0, 0].entries()) header.writeUInt16BE(count, 4 + 2 * at)
    const answer = address
      ? [Buffer.from([0xc0, 12, 0, A, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)])]
      : []
    socket.send(Buffer.concat([header, question.subarray(12, end + 5), ...answer]), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return {
    address: `127.0.0.1:${socket.address().port}`,
    async [Symbol.asyncDispose]() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

const SYSTEM: Address[] = [{ address: '192.0.2.9', family: 4 }]

test('a name is resolved by the hosts file, then the name servers, then the operating system', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-hosts-'))
  const hostsFile = join(folder, 'hosts')
  writeFileSync(
    hostsFile,
    '# own\n192.0.2.1 Hook.example other # mine\n2001:db8::1\thook.example\nno-address x.example\n',
  )
  await using server = await serveNames({ 'hook.example': '192.0.2.2', 'api.example': '192.0.2.3' })
  const asked: string[] = []
  const system = async (name: string) => {
    asked.push(name)
    return SYSTEM
  }
  const resolve = createResolveName({ hostsFile, servers: [server.address], timeout: 50, system })
  const addresses = async (name: string) => (await resolve(name)).map(({ address }) => address)
  assert.deepEqual(await addresses('hook.EXAMPLE'), ['192.0.2.1', '2001:db8::1'])
  assert.deepEqual(await addresses('api.example'), ['192.0.2.3'])
  assert.deepEqual(asked, [])
  assert.deepEqual(await addresses('x.example'), ['192.0.2.9'])
  assert.deepEqual(await addresses('receiver'), ['192.0.2.9'])
  await assert.rejects(resolve('a.silent.example'), { code: 'ETIMEOUT' })
  assert.deepEqual(
    asked,
    ['x.example', 'receiver'],
    'a name whose server does not respond is not passed to the operating system',
  )
  rmSync(folder, { recursive: true })
})

test('lookups that hang use two threads at most, and one per name', async () => {
  await using server = await serveNames({})
  const hanging = new Map<string, (addresses: Address[]) => void>()
  const system = async (name: string) => await new Promise<Address[]>(resolve => hanging.set(name, resolve))
  const resolve = createResolveName({ servers: [server.address], timeout: 500, system, patience: 100 })
  const names = ['a', 'a', 'a', 'b', 'c', 'd'].map(name => `${name}.hung.example`)
  const outcomes = names.map(async name => await resolve(name).catch(error => error.name))
  assert.deepEqual(await Promise.all(outcomes.slice(4)), ['TimeoutError', 'TimeoutError'])
  assert.deepEqual([...hanging.keys()], ['a.hung.example', 'b.hung.example'])
  for (const answer of hanging.values()) answer(SYSTEM)
  assert.deepEqual(await Promise.all(outcomes.slice(0, 4)), [SYSTEM, SYSTEM, SYSTEM, SYSTEM])
  const later = resolve('e.hung.example')
  while (!hanging.has('e.hung.example')) await new Promise(setImmediate)
  hanging.get('e.hung.example')?.(SYSTEM)
  assert.deepEqual(await later, SYSTEM, 'a thread is free again')
})
