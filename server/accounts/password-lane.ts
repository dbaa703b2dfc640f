import { Worker } from 'node:worker_threads'
import { SECOND } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { PasswordAnswer, PasswordJob } from './password-thread.ts'

/** A waiting job: `caller` is counted, and a known browser is served before strangers. */
export type Waiting = { caller: string; known: boolean }

export type PasswordLane = {
  /**
   * Throws `service.busy` if the queue is full or the wait would be too long; jobs that no outside request started wait
   * without limit.
   */
  run(job: PasswordJob, waiting: Waiting | undefined): Promise<string | boolean>
}

/** The length of each of the two queues, known and unknown browsers: about a second of work. */
const LONGEST_QUEUE = 32
/** Of one caller. */
const MOST_OF_ONE = 6
const LONGEST_WAIT = 5 * SECOND

type Settled = PromiseWithResolvers<string | boolean>
type Entry = Settled & { job: PasswordJob; caller?: string; timer?: NodeJS.Timeout }

/**
 * Hashes one password at a time on a separate thread (`password-thread.ts`), which starts with the first job and does not
 * keep the process alive when idle. `yields`: whether it runs at lower priority than other threads.
 */
export function createPasswordLane({ yields }: { yields: boolean }): PasswordLane {
  const queues = { known: [] as Entry[], strangers: [] as Entry[] }
  let thread: Worker | undefined
  let running: Entry | undefined

  function start(): Worker {
    const worker = new Worker(new URL('./password-thread.ts', import.meta.url), { env: {}, workerData: { yields } })
    worker.on('message', (answer: PasswordAnswer) => {
      if ('fault' in answer) settle(entry => entry.reject(new Error(`a password was not hashed: ${answer.fault}`)))
      else settle(entry => entry.resolve(answer.value))
    })
    const end = (error: unknown): void => {
      if (thread !== worker) return
      thread = undefined
      settle(entry => entry.reject(error))
    }
    worker.on('error', end)
    worker.on('exit', code => end(new Error(`the thread that hashes passwords ended with ${code}`)))
    return worker
  }

  function settle(how: (entry: Entry) => void): void {
    const entry = running
    running = undefined
    if (entry) how(entry)
    next()
  }

  function next(): void {
    if (running) return
    running = queues.known.shift() ?? queues.strangers.shift()
    if (!running) {
      thread?.unref()
      return
    }
    clearTimeout(running.timer)
    thread ??= start()
    thread.ref()
    thread.postMessage(running.job)
  }

  /** Throws `service.busy` if the queue is full. */
  function admit(entry: Entry, queue: Entry[]): void {
    const own = queue.filter(({ caller }) => caller === entry.caller).length
    if (queue.length >= LONGEST_QUEUE || own >= MOST_OF_ONE) throw busy()
    entry.timer = setTimeout(() => {
      queue.splice(queue.indexOf(entry), 1)
      entry.reject(busy())
    }, LONGEST_WAIT)
  }

  return {
    async run(job, waiting) {
      const entry: Entry = {
        job,
        ...(waiting && { caller: waiting.caller }),
        ...Promise.withResolvers<string | boolean>(),
      }
      const queue = waiting?.known === false ? queues.strangers : queues.known
      if (waiting) admit(entry, queue)
      queue.push(entry)
      next()
      return await entry.promise
    },
  }
}

/** A refused caller's password was not compared; there may be room a second later. */
export function busy(retryAfter = 1): AppError {
  return new AppError('service.busy', { retryAfter })
}
