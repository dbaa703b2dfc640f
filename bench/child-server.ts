/**
 * A server as a child process: the time from spawn until it prints that it listens, and its memory. `rss` is VmRSS of
 * /proc/PID/status before a forced garbage collection; `heapUsed` is the heap after one.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes. `rss` is absent if the system has no /proc. */
export type Memory = { rss: number | undefined; heapUsed: number }

export type ChildServer = {
  /** Milliseconds from spawn to the first line on standard output. */
  readyAfter: number
  firstLine: string
  pid: number
  /** Only if started with `memory`. */
  memory(): Promise<Memory>
  /** Sends SIGTERM and waits for the exit. Throws unless the status is 0. */
  stop(): Promise<void>
}

export type StartOptions = {
  script: string
  /** Starts the server of another checkout of the project. */
  tree?: string
  env: Record<string, string>
  /** Enables `memory()`; it needs two flags, which would distort start times. */
  memory?: boolean
  /** Writes a CPU profile there when the server stops. */
  profileDir?: string | undefined
}

const PROJECT = join(import.meta.dirname, '..')

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

export async function startChild({
  script,
  tree = PROJECT,
  env,
  memory = false,
  profileDir,
}: StartOptions): Promise<ChildServer> {
  const flags = [
    ...(memory ? ['--expose-gc', '--import', new URL('./report-memory.ts', import.meta.url).href] : []),
    ...(profileDir ? ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${profileDir}`] : []),
  ]
  const file = join(tree, script)
  const from = performance.now()
  const child = spawn(process.execPath, [...flags, file], {
    env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], ...env },
    stdio: memory ? ['ignore', 'pipe', 'inherit', 'ipc'] : ['ignore', 'pipe', 'inherit'],
  })
  running.add(child)
  const gone = new Promise<number | null>(resolve => child.once('exit', resolve))
  void gone.then(() => running.delete(child))

  const firstLine = await Promise.race([
    readFirstLine(child),
    gone.then(code => {
      throw new Error(`${script} ended with status ${code} before it listened`)
    }),
  ])
  return {
    readyAfter: performance.now() - from,
    firstLine,
    pid: child.pid ?? 0,
    async memory() {
      const rss = readRss(child.pid ?? 0)
      child.send('memory')
      const [{ heapUsed }] = (await once(child, 'message')) as [NodeJS.MemoryUsage]
      return { rss, heapUsed }
    },
    async stop() {
      child.kill('SIGTERM')
      const code = await gone
      if (code !== 0) throw new Error(`${script} ended with status ${code}`)
    },
  }
}

async function readFirstLine(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.setEncoding('utf8')
  for (;;) {
    const [part] = (await once(child.stdout ?? child, 'data')) as [string]
    text += part
    const [line, rest] = text.split('\n')
    if (rest !== undefined) {
      child.stdout?.resume()
      return line ?? ''
    }
  }
}

function readRss(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
  } catch {
    return undefined
  }
}
