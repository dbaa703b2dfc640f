import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { isLoopback, parseCidr } from './base/addresses.ts'
import { type Catalog, parseCatalog, SAMPLE_CATALOG } from './base/catalog.ts'
import { HOUR } from './base/clock.ts'
import type { LOG_LEVELS } from './base/log.ts'
import { postgresUrlFault } from './base/postgres-url.ts'
import { readJson } from './base/read-json.ts'
import { environment, list, validPart } from './environment.ts'
import { type PeopleConfig, peopleOf } from './people-config.ts'

/** The environment, checked and frozen; README.md has a table of the variables. */
export type Config = {
  readonly host: string
  readonly port: number
  /** The issuer: an origin without a trailing slash. */
  readonly publicUrl: string
  readonly database:
    | { kind: 'sqlite'; file: string }
    /** `listenUrl`: a direct address that bypasses a pooler in transaction mode. */
    | { kind: 'postgres'; url: string; listenUrl?: string | undefined }
  readonly dataDir: string
  /** Root secrets, the current one first; empty: generated into `dataDir`. */
  readonly secrets: readonly string[]
  readonly catalog: Catalog
  readonly brand: { name: string; logoFile: string | undefined }
  readonly egressAllow: readonly string[]
  readonly keyBrand: string
  /** The value of Express's `trust proxy`. */
  readonly trustProxy: false | number | readonly string[]
  readonly signup: 'open' | 'invite'
  /** The longest life of a session, in milliseconds. */
  readonly sessionLife: number
  readonly people: PeopleConfig
  readonly review: 'required' | 'off'
  readonly roles: ReadonlySet<'web' | 'worker'>
  /** How many processes serve requests. */
  readonly webConcurrency: number
  /** How many keys may be active at once. */
  readonly keyLimits: { perInstallation: number; perAccount: number }
  /** Seconds to wait before each attempt after the first. */
  readonly retrySchedule: readonly number[]
  /** Absent: mails are written into `dataDir`. */
  readonly smtpUrl: string | undefined
  readonly rateLimits: boolean
  /** Absent: only this machine may read the metrics. */
  readonly metricsToken: string | undefined
  readonly logLevel: (typeof LOG_LEVELS)[number]
}

/** All faults of the environment, one sentence each, beginning with the variable's name. */
export class ConfigError extends Error {
  readonly faults: string[]
  constructor(faults: string[]) {
    super(
      `The configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'errors'}:\n${faults.map(fault => `  ${fault}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

/** Reads the environment. Throws ConfigError with all faults. An empty variable counts as absent. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environment.safeParse(given)
  const faults = parsed.success ? [] : parsed.error.issues.map(issue => `${String(issue.path[0])}: ${issue.message}`)
  const values = parsed.success ? parsed.data : validPart(given, parsed.error)

  const publicUrl = originOf(values.PUBLIC_URL ?? `http://localhost:${values.PORT}`, faults)
  const database = databaseOf(values.DATABASE_URL, values.DATA_DIR ?? './data', faults)
  if (database.kind === 'postgres' && values.DATABASE_DIRECT_URL) database.listenUrl = values.DATABASE_DIRECT_URL
  if (database.kind === 'postgres' && !given['LATCHKEY_SECRET'])
    faults.push('LATCHKEY_SECRET: is required with PostgreSQL')
  const trustProxy = trustProxyOf(values.TRUST_PROXY ?? 'false', faults)
  const catalog = catalogOf(values.CATALOG, faults)
  const people = peopleOf(values, faults)
  if (!parsed.success || faults.length > 0) throw new ConfigError(faults)
  const data = parsed.data

  return Object.freeze({
    host: data.HOST,
    port: data.PORT,
    publicUrl,
    database,
    dataDir: resolve(data.DATA_DIR),
    secrets: data.LATCHKEY_SECRET,
    catalog,
    brand: { name: data.BRAND_NAME, logoFile: data.BRAND_LOGO ? resolve(data.BRAND_LOGO) : undefined },
    egressAllow: data.EGRESS_ALLOW,
    keyBrand: data.KEY_BRAND,
    trustProxy,
    signup: data.SIGNUP,
    sessionLife: data.SESSION_HOURS * HOUR,
    people,
    review: data.REVIEW,
    roles: new Set(data.ROLES),
    webConcurrency: data.WEB_CONCURRENCY,
    keyLimits: { perInstallation: data.KEYS_PER_INSTALLATION, perAccount: data.KEYS_PER_ACCOUNT },
    retrySchedule: data.RETRY_SCHEDULE,
    smtpUrl: data.SMTP_URL,
    rateLimits: data.RATE_LIMITS === 'on',
    metricsToken: data.METRICS_TOKEN,
    logLevel: data.LOG_LEVEL,
  })
}

function originOf(text: string, faults: string[]): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    !url ||
    !['http:', 'https:'].includes(url.protocol) ||
    url.pathname !== '/' ||
    url.search ||
    url.hash ||
    url.username
  ) {
    faults.push('PUBLIC_URL: must be an origin such as https://connect.example.com, without a path')
    return text
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    faults.push('PUBLIC_URL: https is required unless the host is loopback')
  return url.origin
}

function databaseOf(url: string | undefined, dataDir: string, faults: string[]): Config['database'] {
  if (url === undefined) return { kind: 'sqlite', file: resolve(dataDir, 'latchkey.db') }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const fault = postgresUrlFault(url)
    if (fault !== undefined) faults.push(`DATABASE_URL: ${fault}`)
    return { kind: 'postgres', url }
  }
  const file = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : ''
  if (file === '' || file === ':memory:') faults.push('DATABASE_URL: must be sqlite:FILE or postgres://…')
  return { kind: 'sqlite', file: resolve(file) }
}

function trustProxyOf(text: string, faults: string[]): Config['trustProxy'] {
  if (text === 'false') return false
  if (/^\d{1,2}$/.test(text)) return Number(text)
  const cidrs = list(text)
  if (cidrs.length === 0 || !cidrs.every(parseCidr))
    faults.push('TRUST_PROXY: must be false, a number of proxies, or CIDRs')
  return cidrs
}

function catalogOf(file: string | undefined, faults: string[]): Catalog {
  if (file === undefined) return SAMPLE_CATALOG
  try {
    return parseCatalog(readJson(readFileSync(file, 'utf8')))
  } catch (error) {
    faults.push(`CATALOG: ${error instanceof Error ? error.message : 'cannot be read'}`)
    return SAMPLE_CATALOG
  }
}
