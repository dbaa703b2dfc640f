import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { askAt } from './keys/node-with-listener.ts'
import { createInstance, failToStart, runInOneProcess, startServer } from './support/child.ts'
import { eventually } from './support/eventually.ts'

/** The running child processes of a process. */
function childrenOf(pid: number | undefined): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return text.split(' ').filter(Boolean).map(Number)
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('WEB_CONCURRENCY: several processes serve one port, a dead one is replaced, and all stop together', async t => {
  if (process.platform !== 'linux') return t.skip('looks into /proc')
  await using instance = await createInstance()
  await runInOneProcess(instance.env, 'migrate')
  const made = await runInOneProcess(instance.env, 'verifier', 'create', '--name', 'API')
  const { verifier_id, verifier_key } = JSON.parse(made.stdout)
  await using server = await startServer({ ...instance.env, WEB_CONCURRENCY: '2' })
  assert.deepEqual(server.lines.length, 1, 'one line, from the primary process')
  const ask = () => askAt(server.url, verifier_key, 'nonsense')
  assert.deepEqual(await ask(), { status: 200, valid: false, code: 'malformed' })
  const [first = 0, second = 0, ...more] = childrenOf(server.process.pid)
  assert.ok(first && second && more.length === 0)

  process.kill(first, 'SIGKILL')
  await eventually(() => {
    const now = childrenOf(server.process.pid)
    return now.length === 2 && !now.includes(first)
  })
  await eventually(async () => (await ask())['code'] === 'malformed')

  const revoked = await runInOneProcess(instance.env, 'verifier', 'revoke', verifier_id)
  assert.deepEqual(JSON.parse(revoked.stdout), { verifier_id, status: 'revoked' })
  await eventually(async () => (await ask())['status'] === 401)
  for (let round = 0; round < 20; round += 1) assert.equal((await ask())['status'], 401, 'whichever process responds')

  const processes = childrenOf(server.process.pid)
  server.process.kill('SIGTERM') // a second signal does not interrupt the shutdown
  const { code } = await server.stop()
  assert.equal(code, 0)
  assert.deepEqual(processes.filter(alive), [])
})

test('WEB_CONCURRENCY: if the processes cannot start, the primary one reports it and exits', async () => {
  await using instance = await createInstance()
  await using server = await startServer(instance.env)
  const { port } = new URL(server.url)
  const ended = await failToStart({ ...instance.env, PORT: port, WEB_CONCURRENCY: '2' })
  assert.equal(ended.code, 1)
  assert.match(ended.stderr, /EADDRINUSE|exited before listening/)
})

test('WEB_CONCURRENCY: web processes learn which loops of the primary process are stuck, and when they recover', async () => {
  const program = join(import.meta.dirname, 'support/processes-with-loops.ts')
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const closed = once(child, 'close')
  try {
    const [line] = (await Promise.race([once(child.stdout, 'data'), closed])) as [Buffer]
    const heard = async (ill: string[]) => {
      const answers = new Set<number>()
      await eventually(async () => {
        const answer = (await (await fetch(line.toString().trim())).json()) as {
          pid: number
          any: boolean
          ill: string[]
        }
        if (answer.any && answer.ill.join() === ill.join()) answers.add(answer.pid)
        return answers.size === 2
      })
    }
    await heard([])
    child.stdin.write('end\n')
    await heard(['mails'])
    child.stdin.write('anew\n')
    await heard([])
    child.stdin.end()
    await closed
  } finally {
    child.kill('SIGKILL')
  }
})
