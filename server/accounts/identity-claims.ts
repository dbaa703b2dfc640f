import { z } from 'zod'
import { isOneLine } from '../base/one-line.ts'
import { isStorable } from '../base/plain-text.ts'
import type { OutsideAccount } from './follow-memberships.ts'
import { ROLES } from './roles.ts'

/** What an OpenID provider says of a person. */
export type IdentityClaims = {
  email: string | undefined
  confirmed: boolean
  name: string | undefined
  accounts: OutsideAccount[] | undefined
}

/** A name as people read it. */
export const outsideName = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(120, 'must have 120 characters or fewer')
  .refine(isOneLine, 'must be on one line, without hidden characters')

/** An id of the operator's own system. */
export const externalId = z
  .string()
  .min(1, 'must not be empty')
  .max(255, 'must have 255 characters or fewer')
  .refine(text => isOneLine(text) && isStorable(text), 'must be on one line, without hidden characters')

const accountsClaim = z
  .array(z.object({ id: externalId, name: outsideName, role: z.enum(ROLES) }))
  .max(1_000)
  .refine(list => new Set(list.map(({ id }) => id)).size === list.length, 'lists an account twice')

/** Which claims the ID token lacks, so that userinfo is asked (OpenID Connect Core §5.3). */
export function lacksClaims(claims: Record<string, unknown>, accounts: string | undefined): boolean {
  return ['email', 'name', ...(accounts === undefined ? [] : [accounts])].some(name => claims[name] === undefined)
}

/** Reads the claims. Throws a ZodError that names the claim at fault. */
export function readClaims(claims: Record<string, unknown>, accounts: string | undefined): IdentityClaims {
  const shape = z.object({
    email: z.email().max(254).optional(),
    email_verified: z.union([z.boolean(), z.stringbool()]).optional(),
    name: z.string().optional(),
    ...(accounts !== undefined && { [accounts]: accountsClaim }),
  })
  const read = shape.parse(claims)
  const name = outsideName.safeParse(read.name)
  const listed = accounts === undefined ? undefined : accountsClaim.parse(claims[accounts])
  return {
    email: read.email,
    confirmed: read.email_verified === true,
    name: name.success ? name.data : undefined,
    accounts: listed?.map(({ id, name, role }) => ({ externalId: id, name, role })),
  }
}
