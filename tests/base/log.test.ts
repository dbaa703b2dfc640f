import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')

/**
 * A process that logs `lines` lines of a kilobyte, reports on standard output, logs once more when told to, and exits.
 */
const program = (lines: number) => `
  import { createLog } from './server/base/log.ts'
  const log = createLog('info')
  for (let line = 0; line < ${lines}; line += 1) log.info({ line, filler: 'x'.repeat(1000) }, 'a line')
  process.stdout.write('written')
  const whenRead = () => {
    if (process.stderr.writableLength > 0) return setImmediate(whenRead)
    log.info({}, 'the last line')
    process.stdin.destroy()
  }
  process.stdin.once('data', whenRead)
`

const start = (lines: number) =>
  spawn(process.execPath, ['--input-type=module-typescript', '--eval', program(lines)], { cwd: root })

test('log: without a reader the process keeps running, and dropped lines are counted once there is a reader', async () => {
  const child = start(5_000)
  const [written] = await once(child.stdout, 'data') // nobody has read the 5 MB yet
  assert.equal(String(written), 'written')
  child.stderr.once('readable', () => child.stdin.write('go on')) // the test reads from here on
  const lines = (await text(child.stderr)).trim().split('\n')
  const entries = lines.map(line => JSON.parse(line) as { msg: string; lines?: number; line?: number })
  const [first, dropped, last] = [entries[0], entries.at(-2), entries.at(-1)]
  assert.deepEqual([first?.line, last?.msg], [0, 'the last line'])
  const kept = entries.filter(({ msg }) => msg === 'a line').length
  assert.ok(kept < 2_500, `${kept} lines were kept in memory`)
  assert.equal(dropped?.lines, 5_000 - kept)
})

test('log: a reader that disconnects does not end the process', async () => {
  const child = start(10)
  child.stderr.destroy()
  await once(child.stdout, 'data')
  child.stdin.write('go on')
  const [code] = await once(child, 'exit')
  assert.equal(code, 0)
})
