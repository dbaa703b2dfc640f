import { z } from 'zod'

/** The one-time id of a form whose response shows a key; undefined if it is not one of ours. */
export const formName = z
  .string()
  .regex(/^[\w-]{43}$/)
  .optional()
  .catch(undefined)
