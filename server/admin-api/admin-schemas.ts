import { z } from 'zod'
import { isOneLine } from '../base/one-line.ts'
import { id, time } from '../platform-api/api-schemas.ts'

/** What the operations of the admin API share: objects and parts of requests. */

export const Verifier = z.object({
  id: id('vrf'),
  name: z.string(),
  redacted: z.string(),
  status: z.enum(['active', 'revoked']),
  created_at: time,
  revoked_at: time.nullable(),
})

export const NewVerifier = Verifier.extend({ verifier_key: z.string().meta({ description: 'Shown once' }) })

/** A name for people, on one line. */
export const name = z
  .string('is required')
  .trim()
  .min(1, 'must not be empty')
  .max(120, 'must have 120 characters or fewer')
  .refine(isOneLine, 'must be on one line, without hidden characters')

/** The body of a 204. */
export const Nothing = z.null()
