import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

export type Child = {
  /** Its output until it was ready. */
  ready: string
  /** The first URL in that output. */
  address(): string
  stop(): Promise<void>
}

/** Starts a script as a child process and waits for the line that says that it is ready. */
export async function startChild(script: string, env: Record<string, string | undefined>): Promise<Child> {
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ready = await firstLine(child, script)
  child.stdout?.resume()
  let stopping = false
  child.once('exit', (code, signal) => {
    if (!stopping) process.stderr.write(`${script} ${endOf(code, signal)}; the rest goes on without it\n`)
  })
  return {
    ready,
    address: () => /https?:\/\/[^\s]+/.exec(ready)?.[0] ?? '',
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      stopping = true
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

function firstLine(child: ChildProcess, script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', chunk => {
      text += chunk
      if (text.includes('\n')) resolve(text.trim())
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${script} ${endOf(code, signal)} before it was ready`)))
  })
}

/** `exited with status 1`, `was killed by SIGKILL` */
const endOf = (code: number | null, signal: NodeJS.Signals | null): string =>
  signal === null ? `exited with status ${code}` : `was killed by ${signal}`
