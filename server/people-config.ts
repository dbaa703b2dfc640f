import { z } from 'zod'
import { isLoopback } from './base/addresses.ts'
import { isOneLine } from './base/one-line.ts'

/** The operator's OpenID provider. */
export type IdentityConfig = {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scopes: string
  /** The label: "Continue with NAME". */
  readonly name: string
  /** The claim that lists a person's accounts; absent: each person gets one account, named after them. */
  readonly accountsClaim: string | undefined
}

/** Where people come from. */
export type PeopleConfig = {
  /** Whether people sign up and sign in with email and password. */
  readonly passwords: boolean
  /** The operator's own sign-in page. */
  readonly signInUrl: string | undefined
  readonly identity: IdentityConfig | undefined
}

const word = z.string().trim().min(1).max(500)

/** The variables that say where people come from. */
export const PEOPLE = {
  PASSWORDS: z.enum(['on', 'off']).optional(),
  SIGN_IN_URL: z.string().optional(),
  IDENTITY_ISSUER: z.string().optional(),
  IDENTITY_CLIENT_ID: word.optional(),
  IDENTITY_CLIENT_SECRET: word.optional(),
  IDENTITY_SCOPES: z
    .string()
    .trim()
    .refine(scopes => scopes.split(/\s+/).includes('openid'), 'must include openid')
    .default('openid email profile'),
  IDENTITY_NAME: z.string().trim().min(1).max(60).refine(isOneLine, 'must be on one line').optional(),
  IDENTITY_ACCOUNTS_CLAIM: z.string().trim().min(1).max(200).optional(),
}

type Values = { [Name in keyof typeof PEOPLE]?: z.infer<(typeof PEOPLE)[Name]> | undefined }

/** Checks the variables against each other; adds one sentence for each fault. */
export function peopleOf(values: Values, faults: string[]): PeopleConfig {
  const signInUrl = values.SIGN_IN_URL
  if (signInUrl !== undefined) checkAddress('SIGN_IN_URL', signInUrl, faults)
  const identity = identityOf(values, faults)
  const outside = signInUrl !== undefined || identity !== undefined
  return { passwords: (values.PASSWORDS ?? (outside ? 'off' : 'on')) === 'on', signInUrl, identity }
}

function identityOf(values: Values, faults: string[]): IdentityConfig | undefined {
  const issuer = values.IDENTITY_ISSUER
  if (issuer === undefined) {
    const names = ['IDENTITY_CLIENT_ID', 'IDENTITY_CLIENT_SECRET', 'IDENTITY_NAME', 'IDENTITY_ACCOUNTS_CLAIM'] as const
    for (const name of names) if (values[name] !== undefined) faults.push(`${name}: needs IDENTITY_ISSUER`)
    return undefined
  }
  checkAddress('IDENTITY_ISSUER', issuer, faults)
  if (URL.canParse(issuer) && new URL(issuer).search !== '')
    faults.push('IDENTITY_ISSUER: must be an issuer, without a query')
  for (const name of ['IDENTITY_CLIENT_ID', 'IDENTITY_CLIENT_SECRET'] as const)
    if (values[name] === undefined) faults.push(`${name}: is required with IDENTITY_ISSUER`)
  return {
    issuer,
    clientId: values.IDENTITY_CLIENT_ID ?? '',
    clientSecret: values.IDENTITY_CLIENT_SECRET ?? '',
    scopes: values.IDENTITY_SCOPES ?? 'openid email profile',
    name: values.IDENTITY_NAME ?? (URL.canParse(issuer) ? new URL(issuer).host : issuer),
    accountsClaim: values.IDENTITY_ACCOUNTS_CLAIM,
  }
}

function checkAddress(name: string, text: string, faults: string[]): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.hash || url.username || url.password)
    faults.push(`${name}: must be an address such as https://example.com/signin`)
  else if (url.protocol === 'http:' && !isLoopback(url.hostname))
    faults.push(`${name}: https is required unless the host is loopback`)
}
