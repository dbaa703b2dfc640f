import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startChild } from '../../examples/demo/child.ts'
import { eventually } from '../support/eventually.ts'

test('the demo reports how a child process ended: by a signal, with a status, before it was ready', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-demo-child-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const said: string[] = []
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0)
  const start = (name: string, script: string) => {
    writeFileSync(join(folder, name), script)
    return startChild(join(folder, name), process.env)
  }
  const ready = 'console.log(process.pid); setInterval(() => {}, 1000)'
  const killed = await start('killed.ts', ready)
  process.kill(Number(killed.ready), 'SIGKILL')
  await eventually(() => /killed\.ts was killed by SIGKILL/.test(said.join('')))
  for (const status of [0, 3]) {
    await start(`left-${status}.ts`, `console.log('ready'); process.exitCode = ${status}`)
    await eventually(() => said.join('').includes(`left-${status}.ts exited with status ${status}`))
  }
  await assert.rejects(start('early.ts', `process.kill(process.pid, 'SIGKILL')`), /was killed by SIGKILL before/)
  await assert.rejects(start('none.ts', ''), /exited with status 0 before it was ready/)
  const before = said.length
  const stopped = await start('stopped.ts', ready)
  await stopped.stop()
  assert.deepEqual(said.slice(before), [], 'a requested stop is no fault')
})
