import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import { connect, type Database } from '../../db/connect.ts'
import { integrityFaults } from '../../db/integrity.ts'
import { type MigrationState, migrationState, schemaFault } from '../../db/migration-state.ts'
import { createWriteProbe } from '../../db/write-probe.ts'
import { SECOND, systemClock } from '../base/clock.ts'
import { createKeyring } from '../base/keyring.ts'
import { systemRandom } from '../base/random.ts'
import { ROOT_SECRET_FILE, readRootSecrets } from '../base/root-secret.ts'
import { type Config, ConfigError, readConfig } from '../config.ts'
import { workersSeen } from '../heartbeat.ts'
import { countRootUse } from '../reencrypt.ts'

/** A notification that takes longer counts as not received; in milliseconds. */
const HEARD_WITHIN = 4_000

export type Check = { name: string; ok: boolean; detail: string }

/** Creates and migrates nothing, so it also works on an instance that cannot start. */
export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('checks everything that a server needs')
    .option('--integrity', 'also check the whole SQLite file; takes seconds per gigabyte')
    .action(async (options: { integrity?: true }) => {
      const checks = await examine(process.env, options)
      const ok = checks.every(check => check.ok)
      process.stdout.write(`${JSON.stringify({ ok, checks })}\n`)
      if (!ok) process.exitCode = 1
    })
}

async function examine(env: Record<string, string | undefined>, options: { integrity?: true }): Promise<Check[]> {
  let config: Config
  try {
    config = readConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.faults.map(fault => ({ name: 'configuration', ok: false, detail: fault }))
  }
  return [
    publicUrl(config),
    dataDir(config),
    rootSecret(config),
    ...(await database(config)),
    ...(options.integrity ? [await integrity(config)] : []),
  ]
}

/** The configuration already refuses plain http except on loopback. */
function publicUrl({ publicUrl: url }: Config): Check {
  const reach = url.startsWith('https:') ? '' : ': only this machine can reach it'
  return { name: 'public_url', ok: true, detail: `${url}${reach}` }
}

function dataDir({ dataDir: folder }: Config): Check {
  if (!existsSync(folder)) return { name: 'data_dir', ok: false, detail: 'does not exist; the first start creates it' }
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return { name: 'data_dir', ok: false, detail: 'cannot be written by this user' }
  }
  return { name: 'data_dir', ok: statSync(folder).isDirectory(), detail: folder }
}

function rootSecret({ secrets, dataDir: folder }: Config): Check {
  const check = (ok: boolean, detail: string) => ({ name: 'root_secret', ok, detail })
  if (secrets.length > 0) return check(true, 'from LATCHKEY_SECRET')
  const file = join(folder, ROOT_SECRET_FILE)
  if (!existsSync(file)) return check(false, 'does not exist; the first start creates it')
  const mode = statSync(file).mode & 0o777
  const text = `a file of mode 0${mode.toString(8)}`
  return mode === 0o600 ? check(true, text) : check(false, `${text}; it must be 0600`)
}

async function database(config: Config): Promise<Check[]> {
  const { database: target } = config
  const unreachable = (detail: string): Check[] => [
    { name: 'database', ok: false, detail },
    { name: 'migrations', ok: false, detail: 'unknown' },
  ]
  if (target.kind === 'sqlite' && !existsSync(target.file))
    return unreachable('does not exist; the first start creates it')
  let opened: Database | undefined
  try {
    opened = connect(target)
    const state = await opened.read(migrationState)
    const more =
      state.pending.length === 0
        ? [await rootUse(opened, config), await changes(opened), await writes(opened), await worker(opened)]
        : []
    return [...more, { name: 'database', ok: true, detail: target.kind }, migrationsCheck(state)]
  } catch (error) {
    return unreachable(error instanceof Error ? error.message || 'no answer' : 'no answer')
  } finally {
    await opened?.close()
  }
}

function migrationsCheck(state: MigrationState): Check {
  const ok = state.pending.length === 0
  const detail = ok ? 'none is pending' : `pending: ${state.pending.join(', ')}`
  return { name: 'migrations', ok, detail: schemaFault(state)?.message ?? detail }
}

/** Reads do not reveal a full disk or a read-only server. */
async function writes(opened: Database): Promise<Check> {
  const probe = createWriteProbe({ database: opened, clock: systemClock, random: systemRandom })
  const fault = await probe.check()
  if (fault) return { name: 'writes', ok: false, detail: `a write failed: ${fault.message}` }
  await probe.clear()
  return { name: 'writes', ok: true, detail: 'a write was committed' }
}

/** The workers' heartbeats. Without any, nothing is wrong: perhaps none should run. */
async function worker(opened: Database): Promise<Check> {
  const check = (ok: boolean, detail: string) => ({ name: 'worker', ok, detail })
  const seen = await opened.read(tx => workersSeen(tx, systemClock))
  if (!seen) return check(true, 'none runs')
  if (seen.fresh === 0)
    return check(false, `none has reported for ${Math.round(seen.silentFor / SECOND)} s, and none shut down cleanly`)
  if (seen.ill.length > 0) return check(false, `stuck: ${seen.ill.join(', ')}; restart the worker`)
  return check(true, `${seen.fresh} run${seen.fresh === 1 ? 's' : ''}`)
}

/** On request only: it reads the whole file. */
async function integrity({ database: target }: Config): Promise<Check> {
  const check = (ok: boolean, detail: string) => ({ name: 'integrity', ok, detail })
  if (target.kind !== 'sqlite') return check(true, 'not checked: use pg_amcheck for PostgreSQL')
  if (!existsSync(target.file)) return check(false, 'there is no file')
  let opened: Database | undefined
  try {
    opened = connect(target)
    const faults = await integrityFaults(opened)
    if (faults.length === 0) return check(true, 'the whole file was read and is intact')
    return check(false, `${faults.slice(0, 10).join('; ')}; restore a backup (docs/backup.md)`)
  } catch (error) {
    return check(
      false,
      `${error instanceof Error ? error.message : 'cannot be read'}; restore a backup (docs/backup.md)`,
    )
  } finally {
    await opened?.close()
  }
}

/** Whether an operator may remove an older root secret. */
async function rootUse(opened: Database, config: Config): Promise<Check> {
  const check = (ok: boolean, detail: string) => ({ name: 'encrypted_values', ok, detail })
  if (config.secrets.length === 0 && !existsSync(join(config.dataDir, ROOT_SECRET_FILE)))
    return check(false, 'unknown: there is no root secret')
  let secrets: readonly string[]
  try {
    secrets = readRootSecrets(config, systemRandom)
  } catch (error) {
    return check(false, error instanceof Error ? error.message : 'the root secret cannot be read')
  }
  const { roots } = createKeyring(secrets, systemRandom)
  const { current, older, unknown } = await countRootUse(opened, roots)
  if (unknown > 0) return check(false, `${unknown} are under an unknown root secret`)
  if (older > 0) return check(true, `${older} of ${current + older} are still under an older root secret: keep it`)
  const others = roots.length > 1 ? '; the older ones may be removed' : ''
  return check(true, `all ${current} are under the current root secret${others}`)
}

/** Whether processes receive each other's commits at once, or must poll. */
async function changes({ changes: feed, kind }: Database): Promise<Check> {
  await feed.start()
  const end = AbortSignal.timeout(HEARD_WITHIN)
  while (!feed.connected() && !end.aborted) await delay(20)
  if (feed.connected()) return { name: 'changes', ok: true, detail: 'commits of other processes are notified at once' }
  const remedy =
    kind === 'postgres'
      ? 'LISTEN receives nothing, as behind a pooler in transaction mode: set DATABASE_DIRECT_URL to the server itself'
      : 'the file system does not report changes: keep the database on a local disk'
  return { name: 'changes', ok: false, detail: `${remedy}; until then processes poll for work every 2 s` }
}
