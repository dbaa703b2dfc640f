import { existsSync, readFileSync } from 'node:fs'
import { extname, resolve } from 'node:path'
import { z } from 'zod'
import { parseCidr } from './base/addresses.ts'
import { type Catalog, parseCatalog, SAMPLE_CATALOG } from './base/catalog.ts'
import { LOG_LEVELS } from './base/log.ts'
import { postgresUrlFault } from './base/postgres-url.ts'
import { readJson } from './base/read-json.ts'

/** What the environment says, checked and frozen; the table in README.md names every variable. */
export type Config = {
  readonly host: string
  readonly port: number
  /** The issuer: an origin without a trailing slash. */
  readonly publicUrl: string
  readonly database:
    | { kind: 'sqlite'; file: string }
    /** `listenUrl`: past a pooler in transaction mode, where one is named. */
    | { kind: 'postgres'; url: string; listenUrl?: string | undefined }
  readonly dataDir: string
  /** Root secrets, the current one first; empty: generated into `dataDir`. */
  readonly secrets: readonly string[]
  readonly catalog: Catalog
  readonly brand: { name: string; logoFile: string | undefined }
  readonly egressAllow: readonly string[]
  readonly keyBrand: string
  /** As Express wants it. */
  readonly trustProxy: false | number | readonly string[]
  readonly signup: 'open' | 'invite'
  readonly review: 'required' | 'off'
  readonly roles: ReadonlySet<'web' | 'worker'>
  /** How many processes answer requests. */
  readonly webConcurrency: number
  /** How many keys may work at once. */
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

/** Every fault of the environment at once, one sentence each, beginning with the variable's name. */
export class ConfigError extends Error {
  readonly faults: string[]
  constructor(faults: string[]) {
    super(
      `The configuration has ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}:\n${faults.map(fault => `  ${fault}`).join('\n')}`,
    )
    this.name = 'ConfigError'
    this.faults = faults
  }
}

const list = (text: string) =>
  text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
const limit = (value: number) =>
  z
    .string()
    .regex(/^[1-9]\d{0,6}$/, 'must be a whole number from 1 to 9999999')
    .transform(Number)
    .default(value)
const MIN = 60
const H = 60 * MIN
/** 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h (docs/wire.md#acknowledging-and-retries). */
const DEFAULT_SCHEDULE = [5, 5 * MIN, 30 * MIN, 2 * H, 5 * H, 10 * H, 14 * H, 20 * H, 24 * H].join(',')

const environment = z.object({
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port number')
    .transform(Number)
    .refine(port => port <= 65_535, 'must be a port number')
    .default(3000),
  PUBLIC_URL: z.string().optional(),
  DATABASE_URL: z.string().optional(),
  DATABASE_DIRECT_URL: z
    .string()
    .regex(/^postgres(?:ql)?:\/\//, 'must be postgres://…')
    .superRefine((url, { addIssue }) => {
      const fault = postgresUrlFault(url)
      if (fault !== undefined) addIssue(fault)
    })
    .optional(),
  DATA_DIR: z.string().min(1).default('./data'),
  LATCHKEY_SECRET: z
    .string()
    .transform(list)
    .refine(
      secrets => secrets.length > 0 && secrets.every(secret => secret.length >= 32),
      'each secret must have 32 characters or more',
    )
    .default([]),
  CATALOG: z.string().optional(),
  BRAND_NAME: z.string().trim().min(1).max(60).default('Latchkey'),
  BRAND_LOGO: z
    .string()
    .refine(file => ['.svg', '.png'].includes(extname(file).toLowerCase()), 'must be an SVG or PNG file')
    .refine(existsSync, 'names a file that does not exist')
    .optional(),
  EGRESS_ALLOW: z
    .string()
    .default('')
    .transform(list)
    .refine(cidrs => cidrs.every(parseCidr), 'must be CIDRs, comma-separated'),
  KEY_BRAND: z
    .string()
    .regex(/^[a-z]{2,8}$/, 'must be 2 to 8 lower-case letters')
    .default('lk'),
  TRUST_PROXY: z.string().default('false'),
  SIGNUP: z.enum(['open', 'invite']).default('open'),
  REVIEW: z.enum(['required', 'off']).default('required'),
  ROLES: z
    .string()
    .default('web,worker')
    .transform(list)
    .pipe(z.array(z.enum(['web', 'worker'])).min(1)),
  WEB_CONCURRENCY: z
    .string()
    .regex(/^(?:[1-9]|[1-5]\d|6[0-4])$/, 'must be a number from 1 to 64')
    .transform(Number)
    .default(1),
  KEYS_PER_INSTALLATION: limit(100),
  KEYS_PER_ACCOUNT: limit(10_000),
  RETRY_SCHEDULE: z
    .string()
    .default(DEFAULT_SCHEDULE)
    .transform(list)
    .refine(
      steps => steps.length > 0 && steps.every(step => /^\d{1,7}$/.test(step)),
      'must be seconds, comma-separated',
    )
    .transform(steps => steps.map(Number)),
  SMTP_URL: z
    .string()
    .refine(
      url => /^smtps?:\/\/./.test(url) && URL.canParse(url),
      'must be an address that begins with smtp:// or smtps://',
    )
    .optional(),
  RATE_LIMITS: z.enum(['on', 'off']).default('on'),
  METRICS_TOKEN: z.string().min(16).optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
})

/** Every variable, with what counts where it is absent; undefined or an empty list where nothing does. */
export const VARIABLES: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries(environment.shape).map(([name, schema]) => [name, schema.parse(undefined)]),
)

/** Reads the environment. Throws ConfigError with every fault. An empty variable counts as absent. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environment.safeParse(given)
  const faults = parsed.success ? [] : parsed.error.issues.map(issue => `${String(issue.path[0])}: ${issue.message}`)
  const partial = environment.partial()
  const values = parsed.success ? parsed.data : validPart(partial, given, parsed.error)

  const publicUrl = originOf(values.PUBLIC_URL ?? `http://localhost:${values.PORT}`, faults)
  const database = databaseOf(values.DATABASE_URL, values.DATA_DIR ?? './data', faults)
  if (database.kind === 'postgres' && values.DATABASE_DIRECT_URL) database.listenUrl = values.DATABASE_DIRECT_URL
  if (database.kind === 'postgres' && !given['LATCHKEY_SECRET'])
    faults.push('LATCHKEY_SECRET: is required with PostgreSQL')
  const trustProxy = trustProxyOf(values.TRUST_PROXY ?? 'false', faults)
  const catalog = catalogOf(values.CATALOG, faults)
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

type Values = z.infer<ReturnType<typeof environment.partial>>

/** The variables that are right by themselves, so that those which depend on each other are checked too. */
function validPart(
  schema: ReturnType<typeof environment.partial>,
  given: Record<string, string | undefined>,
  error: z.ZodError,
): Values {
  const wrong = new Set(error.issues.map(issue => String(issue.path[0])))
  const right = schema.safeParse(Object.fromEntries(Object.entries(given).filter(([name]) => !wrong.has(name))))
  return right.success ? right.data : {}
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
  const loopback = url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d+){3}$/.test(url.hostname)
  if (url.protocol === 'http:' && !loopback) faults.push('PUBLIC_URL: https is required unless the host is loopback')
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
