import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPasswordLane } from '../../server/accounts/password-lane.ts'
import { AppError } from '../../server/base/errors.ts'

const HASH = { verb: 'hash', password: 'a long enough sentence' } as const

async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    return typeof (await work)
  } catch (error) {
    return error instanceof AppError ? `${error.code} ${error.retryAfter}` : String(error)
  }
}

test('lane: the queues hold six callers per person and thirty-two strangers; any further caller is told to retry', async () => {
  const lane = createPasswordLane({ yields: false })
  const run = (caller: string) => outcome(lane.run(HASH, { caller, known: false }))
  const first = run('one') // starts at once
  const ofOne = await Promise.all([first, ...Array.from({ length: 7 }, () => run('one'))])
  assert.deepEqual(ofOne, [...Array(7).fill('string'), 'service.busy 1'])
  const all = await Promise.all(Array.from({ length: 34 }, (_, count) => run(`caller ${count}`)))
  assert.equal(all.filter(each => each === 'string').length, 33)
  assert.equal(all.at(-1), 'service.busy 1')
})

test('lane: a known browser is served before strangers, also when their queue is full', async () => {
  const lane = createPasswordLane({ yields: false })
  const order: string[] = []
  const run = (caller: string, known: boolean) => lane.run(HASH, { caller, known }).then(() => order.push(caller))
  const strangers = Array.from({ length: 33 }, (_, count) => run(`stranger ${count}`, false))
  const known = run('known', true)
  await Promise.all([...strangers, known])
  assert.equal(order.indexOf('known'), 1)
})

test('lane: hashing uses no thread of the pool that the database needs', async () => {
  const { stat } = await import('node:fs/promises')
  const lane = createPasswordLane({ yields: false })
  await lane.run(HASH, undefined)
  let done = 0
  const hashes = Array.from({ length: 8 }, () => lane.run(HASH, undefined).then(() => (done += 1)))
  for (let count = 0; count < 8; count += 1) await stat('.') // a job of the thread pool; it would wait behind eight hashes if they ran there
  assert.ok(done < 8, `${done} hashes were done before eight looks at a file`)
  await Promise.all(hashes)
})

test('lane: a job that fails does not affect other jobs', async () => {
  const lane = createPasswordLane({ yields: false })
  const broken = { verb: 'check', password: 'x', passwordHash: 'no hash' } as const
  await assert.rejects(lane.run(broken, undefined), /was not hashed/)
  assert.equal(typeof (await lane.run(HASH, undefined)), 'string')
})
