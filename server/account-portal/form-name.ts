import { z } from 'zod'

/** The one-time name of a form whose answer shows a key, as our page made it; anything else is none. */
export const formName = z
  .string()
  .regex(/^[\w-]{43}$/)
  .optional()
  .catch(undefined)
