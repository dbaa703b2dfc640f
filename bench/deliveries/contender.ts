/** A child process that does one kind of work on request and returns the result. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export type Contender = {
  ask<Answer>(question: object): Promise<Answer>
  stop(): Promise<void>
}

/** The cost of a round of posts. */
export type Spent = { ms: number; cpuMs: number }

/** Starts `script` in the root of the project and waits until it is ready. */
export async function startContender(
  script: string,
  env: Record<string, string>,
  flags: readonly string[] = [],
): Promise<Contender> {
  const child = fork(join(import.meta.dirname, '../..', script), {
    env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], ...env },
    execArgv: [...flags],
  })
  const exited = once(child, 'exit').then(([code]) => {
    throw new Error(`${script} ended with status ${code}`)
  })
  exited.catch(() => undefined)
  process.once('exit', () => child.kill('SIGKILL'))
  const answer = async () => (await Promise.race([once(child, 'message'), exited]))[0]
  await answer()
  return {
    async ask<Answer>(question: object) {
      const answered = answer()
      child.send(question)
      return (await answered) as Answer
    },
    async stop() {
      child.disconnect()
      await exited.catch(() => undefined)
    },
  }
}

/** In the child process: responds to each request with the result of `work`, until the parent has exited. */
export function answerWith(
  work: (question: { [member: string]: unknown }) => Promise<object>,
  end: () => Promise<void>,
) {
  process.on('message', (question: { [member: string]: unknown }) => {
    work(question).then(
      result => process.send?.(result),
      error => {
        console.error(error)
        process.exit(1)
      },
    )
  })
  process.once('disconnect', () => void end().finally(() => process.exit(0)))
  process.send?.('ready')
}

/** Wall and processor time of this process while `work` runs. */
export async function spent(work: () => Promise<unknown>): Promise<Spent> {
  const [from, cpu] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { ms: performance.now() - from, cpuMs: (user + system) / 1_000 }
}
