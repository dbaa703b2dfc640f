import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { opaqueToken, systemRandom } from '../../server/base/random.ts'
import type { Asked } from './command-process.ts'
import { freshDatabaseUrl, onPostgres } from './database.ts'

const root = join(import.meta.dirname, '../..')

export type Ended = { code: number | null; stdout: string; stderr: string }

/** A data folder and an empty database for processes that are started as by an operator. */
export type Instance = AsyncDisposable & { dataDir: string; env: Record<string, string> }

export async function createInstance(): Promise<Instance> {
  const parent = mkdtempSync(join(tmpdir(), 'latchkey-instance-'))
  const dataDir = join(parent, 'data')
  const database = await freshDatabaseUrl(dataDir)
  const shared = { DATABASE_URL: database.url, LATCHKEY_SECRET: opaqueToken(systemRandom) }
  return {
    dataDir,
    env: { DATA_DIR: dataDir, PORT: '0', PUBLIC_URL: 'http://localhost:3000', ...(onPostgres && shared) },
    async [Symbol.asyncDispose]() {
      await database.drop()
      rmSync(parent, { recursive: true, force: true })
    },
  }
}

/** `npm run -s latchkey -- …`, without npm. */
export async function runCommand(env: Record<string, string>, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['server/cli/latchkey.ts', ...args], { cwd: root, env: clean(env) })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

type CommandProcess = { child: ChildProcess; ended: Promise<never> }

let commandProcess: CommandProcess | undefined
let lastCommand: Promise<unknown> = Promise.resolve()

/**
 * The same in one process for all commands of a file or group, one after the other: for tests of what a command does,
 * where its being a process of its own is not what is tested.
 */
export function runInOneProcess(env: Record<string, string>, ...args: string[]): Promise<Ended> {
  const next = lastCommand.then(() => askCommandProcess({ env: clean(env), args }))
  lastCommand = next.catch(() => undefined)
  return next
}

async function askCommandProcess(asked: Asked): Promise<Ended> {
  commandProcess ??= startCommandProcess()
  const { child, ended } = commandProcess
  child.ref()
  child.channel?.ref()
  child.send(asked)
  const [answer] = (await Promise.race([once(child, 'message'), ended])) as [Ended]
  child.unref() // it ends with this process
  child.channel?.unref()
  return answer
}

function startCommandProcess(): CommandProcess {
  const child = fork(join(import.meta.dirname, 'command-process.ts'), { cwd: root, env: clean({}), execArgv: [] })
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`the process of commands ended: ${code}`)),
  )
  ended.catch(() => undefined)
  return { child, ended }
}

export type RunningServer = AsyncDisposable & {
  /** The lines on standard output so far; the first is present from the start. */
  lines: string[]
  url: string
  process: ChildProcess
  /** Sends the signal, once, and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ended & { ms: number }>
}

/** `npm start`, without npm; returns after its first line. Throws its output if it exits before. */
export async function startServer(env: Record<string, string>): Promise<RunningServer> {
  const child = spawn(process.execPath, ['server/main.ts'], { cwd: root, env: clean(env) })
  const lines: string[] = []
  const [stderr, closed] = [text(child.stderr), once(child, 'close')]
  const said = createInterface({ input: child.stdout }).on('line', line => lines.push(line))
  await Promise.race([once(said, 'line'), closed])
  if (lines.length === 0) throw new Error(`the server ended with ${child.exitCode}: ${await stderr}`)
  return {
    lines,
    url: /http:\/\/\S+/.exec(lines[0] ?? '')?.[0] ?? '',
    process: child,
    async stop(signal = 'SIGTERM') {
      const start = performance.now()
      child.kill(signal)
      await closed
      return { code: child.exitCode, stdout: lines.join('\n'), stderr: await stderr, ms: performance.now() - start }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await closed
    },
  }
}

/** `npm start` that is expected to exit by itself. */
export async function failToStart(env: Record<string, string>): Promise<Ended> {
  const child = spawn(process.execPath, ['server/main.ts'], { cwd: root, env: clean(env) })
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

/** An environment without that of the tests, except for the compile cache. */
function clean(env: Record<string, string>): Record<string, string> {
  const { PATH = '', NODE_COMPILE_CACHE: compiled } = process.env
  return { PATH, ...(compiled && { NODE_COMPILE_CACHE: compiled }), ...env }
}
