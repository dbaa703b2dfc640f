/** Posts the same bodies with undici as fast as possible: no queue, no signature, nothing recorded. */
import { Agent, request } from 'undici'
import { inFlight } from '../in-flight.ts'
import { answerWith, spent } from './contender.ts'

type Job = { id: string; body: string }

const url = process.env['TARGET'] ?? ''
const concurrency = Number(process.env['CONCURRENCY'])
const agent = new Agent({ pipelining: 1 })
let jobs: Job[] = []

async function post({ id, body }: Job): Promise<void> {
  const headers = { 'content-type': 'application/json', 'webhook-id': id }
  const answer = await request(url, { method: 'POST', headers, body, dispatcher: agent })
  await answer.body.dump()
  if (answer.statusCode !== 204) throw new Error(`answered ${answer.statusCode}`)
}

answerWith(
  async question => {
    if (question['do'] === 'take') jobs = question['jobs'] as Job[]
    else return await spent(() => inFlight(jobs, concurrency, post))
    return {}
  },
  () => agent.close(),
)
