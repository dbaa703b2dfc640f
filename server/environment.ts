import { existsSync } from 'node:fs'
import { extname } from 'node:path'
import { z } from 'zod'
import { parseCidr } from './base/addresses.ts'
import { LOG_LEVELS } from './base/log.ts'
import { postgresUrlFault } from './base/postgres-url.ts'
import { PEOPLE } from './people-config.ts'

/** The parts of a comma-separated list. */
export const list = (text: string) =>
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

export const environment = z.object({
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
  SESSION_HOURS: z
    .string()
    .regex(/^(?:[1-9]\d?|[1-6]\d\d|7[01]\d|720)$/, 'must be a whole number from 1 to 720')
    .transform(Number)
    .default(12),
  SIGNUP: z.enum(['open', 'invite']).default('open'),
  ...PEOPLE,
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

/** Every variable with its default; undefined or an empty list if there is none. */
export const VARIABLES: Readonly<Record<string, unknown>> = Object.fromEntries(
  Object.entries(environment.shape).map(([name, schema]) => [name, schema.parse(undefined)]),
)

export type Values = z.infer<ReturnType<typeof environment.partial>>

/** The valid variables, so that rules about several variables are checked even if another one is invalid. */
export function validPart(given: Record<string, string | undefined>, error: z.ZodError): Values {
  const wrong = new Set(error.issues.map(issue => String(issue.path[0])))
  const right = environment
    .partial()
    .safeParse(Object.fromEntries(Object.entries(given).filter(([name]) => !wrong.has(name))))
  return right.success ? right.data : {}
}
