import type { z } from 'zod'
import { isoTime } from '../base/clock.ts'
import type { Verifier as VerifierKey } from '../keys/verifiers.ts'
import { timeOrNull } from '../platform-api/api-objects.ts'
import type * as schemas from './admin-schemas.ts'

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
