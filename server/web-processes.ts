import cluster, { type Address, type Worker } from 'node:cluster'
import { once } from 'node:events'
import { SECOND } from './base/clock.ts'
import type { Log } from './base/log.ts'
import type { Pulses } from './base/pulses.ts'

/** Serves requests, in this process or in child processes. */
export type Front = {
  address: { address: string; port: number }
  /** Stops accepting, finishes requests in flight, and resolves when that is done. */
  stop(): Promise<void>
}

const DELAY_BEFORE_ANOTHER = SECOND
/** How often the parent process checks its loops, in milliseconds, to report them. */
const LOOK_EVERY = SECOND

/**
 * Starts `count` processes of this program with the role `web` that share one port; resolves when all of them listen. One that
 * exits later is replaced. Throws if one exits before listening; its own output says why.
 */
export async function startWebProcesses(count: number, { log, pulses }: { log: Log; pulses: Pulses }): Promise<Front> {
  let stopping = false
  const loops = tellLoops(pulses)
  const running = new Map<number, { worker: Worker; ended: Promise<unknown> }>()

  async function startOne(): Promise<Address> {
    const worker = forkWeb(log)
    const ended = once(worker, 'exit').then(([code, signal]) => {
      running.delete(worker.id)
      return { code, signal, process: worker.process.pid }
    })
    running.set(worker.id, { worker, ended })
    worker.once('listening', () => loops.tell([worker]))
    const listening = once(worker, 'listening').then(([address]: Address[]) => address)
    const address = await Promise.race([listening, ended.then(() => undefined)])
    if (!address) throw new Error('A web process exited before listening.')
    void ended.then(end => {
      if (stopping) return
      log.error(end, 'a web process exited unexpectedly; starting another')
      startAnotherSoon()
    })
    return address
  }

  function startAnotherSoon(): void {
    setTimeout(() => {
      if (stopping) return
      startOne().catch(error => {
        log.error({ err: error }, 'a web process could not be started; retrying')
        startAnotherSoon()
      })
    }, DELAY_BEFORE_ANOTHER)
  }

  async function stop(): Promise<void> {
    stopping = true
    loops.stop()
    for (const { worker } of running.values()) worker.process.kill('SIGTERM')
    await Promise.all([...running.values()].map(({ ended }) => ended))
  }

  try {
    const [first] = await Promise.all(Array.from({ length: count }, startOne))
    if (!first) throw new Error('The number of web processes must be at least 1.')
    return { address: { address: first.address, port: first.port }, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function forkWeb(log: Log): Worker {
  const worker = cluster.fork({ ROLES: 'web', WEB_CONCURRENCY: '1' })
  worker.on('error', error => log.error({ err: error }, 'a message to a web process failed'))
  return worker
}

/** Sends the state of this process's loops to the web processes, which report it in `/readyz`, whenever it changes. */
function tellLoops(pulses: Pulses) {
  let lastTold = ''

  function tell(workers: readonly Worker[]): void {
    if (!pulses.any()) return
    for (const each of workers) if (each.isConnected()) each.send({ ill: pulses.ill() })
  }

  const looking = setInterval(() => {
    const now = pulses.any() ? `ill:${pulses.ill().join()}` : ''
    if (now === lastTold) return
    lastTold = now
    tell(Object.values(cluster.workers ?? {}).filter(each => each !== undefined))
  }, LOOK_EVERY).unref()

  return { tell, stop: () => clearInterval(looking) }
}

/** In a web process: receives the state of the parent's loops. */
export function hearFirstProcess(pulses: Pulses): void {
  process.on('message', (message: { ill?: string[] }) => {
    if (Array.isArray(message?.ill)) pulses.told(message.ill)
  })
}
