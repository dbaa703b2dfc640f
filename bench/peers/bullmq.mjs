// BullMQ as its documentation sets it up: a job an event, added before the round; a worker that signs with standardwebhooks
// and posts with undici. Retries are those of the job's options; nothing is kept of a finished job.
//
//   forked by bench/deliveries.ts, with REDIS_URL, TARGET, CONCURRENCY and SECRET (whsec_…)
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { Webhook } from 'standardwebhooks'
import { Agent, request } from 'undici'

const { REDIS_URL, TARGET, CONCURRENCY, SECRET } = process.env
const connection = new Redis(REDIS_URL, { maxRetriesPerRequest: null })
const name = `latchkey-bench-${process.pid}`
const queue = new Queue(name, { connection })
const agent = new Agent({ pipelining: 1 })
const webhook = new Webhook(SECRET)
const PART = 500
let jobs = []
let left = 0
let done = () => {}

async function post({ data: { id, body } }) {
  const at = new Date()
  const answer = await request(TARGET, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': webhook.sign(id, at, body),
    },
    body,
    dispatcher: agent,
  })
  await answer.body.dump()
  if (answer.statusCode !== 204) throw new Error(`answered ${answer.statusCode}`)
}

const worker = new Worker(name, post, { connection, concurrency: Number(CONCURRENCY), autorun: false })
worker.on('completed', () => {
  left -= 1
  if (left === 0) done()
})
worker.on('failed', (_job, error) => console.error(error))
await queue.waitUntilReady()
await queue.pause()
void worker.run()

const options = { attempts: 10, backoff: { type: 'exponential', delay: 5_000 }, removeOnComplete: true }

process.on('message', async question => {
  if (question.do === 'take') jobs = question.jobs
  if (question.do === 'requeue') {
    for (let from = 0; from < jobs.length; from += PART) {
      await queue.addBulk(jobs.slice(from, from + PART).map(data => ({ name: 'event', data, opts: options })))
    }
  }
  if (question.do !== 'deliver') return process.send({})
  left = jobs.length
  const finished = new Promise(resolve => {
    done = resolve
  })
  const [from, cpu] = [performance.now(), process.cpuUsage()]
  await queue.resume()
  await finished
  const { user, system } = process.cpuUsage(cpu)
  const spent = { ms: performance.now() - from, cpuMs: (user + system) / 1_000 }
  await queue.pause()
  process.send(spent)
})
process.once('disconnect', async () => {
  await worker.close()
  await queue.obliterate({ force: true })
  process.exit(0)
})
process.send('ready')
