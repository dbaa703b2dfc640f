/**
 * Runs every test file twice: on SQLite, then on a real PostgreSQL that is started for this run and removed after it.
 *
 *   node tests/run.ts [--sqlite | --postgres] [path part …] [flags of node --test …]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createTemplate } from './support/database.ts'
import { startPostgresServer } from './support/postgres-server.ts'

type Database = 'sqlite' | 'postgres'

/** Files that never use a database, or that prove the same on either: they run once. */
const onceOnly = [
  ...['architecture', 'config', 'web-processes'].map(name => `tests/${name}.test.ts`),
  ...['device-name', 'password-lane', 'roles', 'weak-password'].map(name => `tests/accounts/${name}.test.ts`),
  'tests/base/',
  'tests/browser/',
  'tests/consent/first-step.test.ts',
  ...['away', 'claim-file'].map(name => `tests/db/${name}.test.ts`),
  ...['lanes', 'outcome'].map(name => `tests/deliveries/${name}.test.ts`),
  'tests/docs/',
  'tests/examples/',
  ...['connections', 'operation', 'templates'].map(name => `tests/http/${name}.test.ts`),
  ...['allowlist', 'judge-key', 'key-states', 'record-cache', 'usage-buffer', 'writers'].map(
    name => `tests/keys/${name}.test.ts`,
  ),
  ...['field-types', 'plain-addresses', 'recipient-key'].map(name => `tests/apps-registry/${name}.test.ts`),
  'tests/oauth/client-assertion.test.ts',
  'tests/verify/',
]

/** The most files of one process: larger groups would balance worse between two cores. */
const LARGEST_GROUP = 12

/** Rooms with fewer files share processes: each costs more than a second of CPU time to load the server. */
const SMALL_ROOM = 5

/** The rooms that take longest start first. */
const SLOWEST_ROOMS = ['tests/deliveries', 'tests/cli', 'tests/browser']

const REPORTERS = ['spec', './tests/support/slowest-files.ts'].flatMap(reporter => [
  `--test-reporter=${reporter}`,
  '--test-reporter-destination=stdout',
])

/** A test that hangs fails. (`--test-force-exit` is no help: it ends a file before all its tests are registered.) */
const TIMEOUT = ['--test-timeout=180000']

/** Bytes that must be free in memory for the databases of a run, a few megabytes for each world. */
const ROOM_IN_MEMORY = 2 * 1024 ** 3

const root = join(import.meta.dirname, '..')
const interrupted = new AbortController()
let running: ChildProcess | undefined

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted.abort()
    running?.kill('SIGTERM')
  })
}

keepFilesInMemory('/dev/shm')
process.exit(await main(process.argv.slice(2)))

/** No test is about a disk, where every commit waits for one. A TMPDIR that the caller has set is kept. */
function keepFilesInMemory(folder: string): void {
  if (!existsSync(folder)) return
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize >= ROOM_IN_MEMORY) process.env['TMPDIR'] ??= folder
}

async function main(args: string[]): Promise<number> {
  const flags = args.filter(arg => arg.startsWith('-') && arg !== '--sqlite' && arg !== '--postgres')
  const filters = args.filter(arg => !arg.startsWith('-')).map(arg => arg.replace(/^\.\//, ''))
  const passes: Database[] = args.includes('--sqlite') === args.includes('--postgres') ? ['sqlite', 'postgres'] : []
  if (passes.length === 0) passes.push(args.includes('--sqlite') ? 'sqlite' : 'postgres')

  const files = testFiles(filters)
  const work = passes.map(pass => ({ pass, files: files[pass] })).filter(({ files }) => files.length > 0)
  if (work.length === 0) {
    console.error(`No test file matches ${filters.join(', ') || 'tests/**/*.test.ts'}`)
    return 1
  }

  let failed = false
  for (const { pass, files } of work) {
    if (interrupted.signal.aborted) break
    console.log(`\n── ${pass}: ${files.length} test files`)
    const passed = pass === 'sqlite' ? await runFiles(files, flags) : await runOnPostgres(files, flags)
    failed ||= !passed
  }
  return interrupted.signal.aborted ? 130 : failed ? 1 : 0
}

function testFiles(filters: string[]): Record<Database, string[]> {
  const all = globSync('tests/**/*.test.ts', { cwd: root })
    .map(file => file.replaceAll('\\', '/'))
    .filter(file => filters.length === 0 || filters.some(filter => file.includes(filter)))
    .sort()
  return { sqlite: all, postgres: all.filter(file => !onceOnly.some(start => file.startsWith(start))) }
}

async function runOnPostgres(files: string[], flags: string[]): Promise<boolean> {
  const server = await startPostgresServer({ durable: false })
  try {
    return !interrupted.signal.aborted && (await runFiles(files, flags, server.url()))
  } finally {
    await server.stop()
  }
}

async function runFiles(files: string[], flags: string[], postgresUrl?: string): Promise<boolean> {
  const { TEST_POSTGRES_URL: _, ...inherited } = process.env
  const concurrency = Math.min(4, availableParallelism() + 1) // tests also wait: for child processes and for time-outs
  const groups = flags.length === 0 ? writeGroups(files) : { files, remove() {} } // a name pattern would skip whole groups
  const template = await createTemplate(postgresUrl)
  const env = {
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/node'), // every group is a process that loads the whole server
    ...inherited,
    ...(postgresUrl && { TEST_POSTGRES_URL: postgresUrl }),
    TEST_TEMPLATE: template.name,
  }
  try {
    running = spawn(
      process.execPath,
      ['--test', ...REPORTERS, ...TIMEOUT, `--test-concurrency=${concurrency}`, ...flags, ...groups.files],
      { cwd: root, stdio: 'inherit', env },
    )
    const [code] = (await once(running, 'exit')) as [number | null]
    return code === 0
  } finally {
    running = undefined
    template.remove()
    groups.remove()
  }
}

/**
 * Writes one file for each group of test files of one room, or of several small ones. `node --test` runs each in its own
 * process; the slowest rooms come first, so that the last process ends soon after the others.
 */
function writeGroups(files: readonly string[]): { files: string[]; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'latchkey-groups-'))
  const groups = groupsByRoom(files)
  const first = (group: readonly string[]) => SLOWEST_ROOMS.indexOf(dirname(group[0] ?? ''))
  groups.sort((one, other) => first(other) - first(one))
  const support = JSON.stringify(join(root, 'tests/support/file-group.ts'))
  return {
    files: groups.map((group, index) => {
      const name = `${String(index).padStart(2, '0')}.test.ts`
      const paths = JSON.stringify(group.map(file => join(root, file)))
      writeFileSync(join(directory, name), `import { runFileGroup } from ${support}\nrunFileGroup(${paths})\n`)
      return join(directory, name)
    }),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

function groupsByRoom(files: readonly string[]): string[][] {
  const rooms = Object.groupBy(files, file => dirname(file))
  const isSmall = (room: string) => (rooms[room]?.length ?? 0) < SMALL_ROOM && !SLOWEST_ROOMS.includes(room)
  const shared = Object.groupBy(files, file => (isSmall(dirname(file)) ? 'small rooms' : dirname(file)))
  return Object.values(shared).flatMap((room = []) => {
    const count = Math.ceil(room.length / LARGEST_GROUP)
    return Array.from({ length: count }, (_, group) => room.filter((_, index) => index % count === group))
  })
}
