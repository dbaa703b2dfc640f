import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

export type Child = {
  /** What it printed when it was ready. */
  ready: string
  /** The first address in that. */
  address(): string
  stop(): Promise<void>
}

/** Starts a script as a process of its own and waits for the line that says that it is ready. */
export async function startChild(script: string, env: Record<string, string | undefined>): Promise<Child> {
  const child = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ready = await firstLine(child, script)
  child.stdout?.resume()
  child.once('exit', code => {
    if (code) process.stderr.write(`${script} ended with ${code}\n`)
  })
  return {
    ready,
    address: () => /https?:\/\/[^\s]+/.exec(ready)?.[0] ?? '',
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
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
    child.once('exit', code => reject(new Error(`${script} ended with ${code} before it was ready`)))
  })
}
