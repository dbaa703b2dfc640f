import type { z } from 'zod'
import type { AccountRecord, MemberRecord, UserRecord } from '../accounts/find-people.ts'
import { isoTime } from '../base/clock.ts'
import type { Verifier as VerifierKey } from '../keys/verifiers.ts'
import { timeOrNull } from '../platform-api/api-objects.ts'
import type * as schemas from './admin-schemas.ts'

export function accountObject(account: AccountRecord): z.infer<typeof schemas.Account> {
  const { id, name, external_id, created_at } = account
  return { id, name, external_id, created_at: isoTime(created_at) }
}

export function userObject(user: UserRecord): z.infer<typeof schemas.User> {
  const { id, email, name, external_id, operator, created_at } = user
  return { id, email, name, external_id, operator: Boolean(operator), created_at: isoTime(created_at) }
}

export function memberObject(member: MemberRecord): z.infer<typeof schemas.Member> {
  const { user_id, external_id, email, name, role, created_at } = member
  return { user_id, external_id, email, name, role, created_at: isoTime(created_at) }
}

export function verifierObject(verifier: VerifierKey): z.infer<typeof schemas.Verifier> {
  return {
    id: verifier.id,
    name: verifier.name,
    redacted: verifier.redacted,
    status: verifier.revokedAt === null ? 'active' : 'revoked',
    created_at: isoTime(verifier.createdAt),
    revoked_at: timeOrNull(verifier.revokedAt),
  }
}
