import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type BrowserSession, createBrowserSession } from '../support/browser-session.ts'
import { PASSWORD, type Person, type World } from '../support/world.ts'
import { environmentBeside } from './node-beside.ts'

/** A real server process on the world's database. */
export type ServerProcess = AsyncDisposable & {
  url: string
  /** Its standard output and standard error. */
  output(): string
  /** A browser in which the person is signed in to this server. */
  signIn(person: Person): Promise<BrowserSession>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
}

export async function startServer(world: World, env: Record<string, string> = {}): Promise<ServerProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../server/main.ts')], {
    env: { ...environmentBeside(world), PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    const read = (part: Buffer) => {
      output += part
      const [, address] = /^Latchkey listens on (\S+)/m.exec(output) ?? []
      if (address) resolve(address)
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    void exited.then(() => reject(new Error(`the server did not start:\n${output}`)))
  })
  return {
    url,
    output: () => output,
    async signIn(person) {
      const browser = createBrowserSession(url)
      await browser.post('/signin', { email: person.email, password: PASSWORD })
      return browser
    },
    kill: () => end(child, exited),
    [Symbol.asyncDispose]: () => end(child, exited),
  }
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.kill('SIGKILL')
  await exited
}
