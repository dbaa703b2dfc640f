/**
 * Two web processes of one that has a loop: each line on standard input ends that loop or begins it anew. Every answer names
 * the process, and the loops that stand still as far as it has heard.
 */
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { systemClock } from '../../server/base/clock.ts'
import { createPulses, type Pulse } from '../../server/base/pulses.ts'
import { hearFirstProcess, startWebProcesses } from '../../server/web-processes.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const pulses = createPulses(systemClock)

if (cluster.isWorker) {
  hearFirstProcess(pulses)
  createServer((_req, res) => {
    res.setHeader('Connection', 'close')
    res.end(JSON.stringify({ pid: process.pid, any: pulses.any(), ill: pulses.ill() }))
  }).listen(0, '127.0.0.1')
} else {
  let pulse: Pulse = pulses.start('mails', 60_000)
  const { address, stop } = await startWebProcesses(2, { log: silent, pulses })
  process.stdout.write(`http://${address.address}:${address.port}\n`)
  for await (const line of createInterface({ input: process.stdin })) {
    pulse.end(line === 'anew')
    if (line === 'anew') pulse = pulses.start('mails', 60_000)
  }
  await stop()
}
