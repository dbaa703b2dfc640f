import { z } from 'zod'

/** What `POST /v1/leaks` takes. */
export const LeakReport = z.strictObject({
  tokens: z
    .array(z.string().max(1_000, 'must have 1000 characters or fewer'))
    .min(1, 'must hold 1 to 50 tokens')
    .max(50, 'must hold 1 to 50 tokens'),
})
