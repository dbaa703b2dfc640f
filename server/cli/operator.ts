import type { Operator } from '../audit/actor.ts'

/** The actor on the command line: anyone who can read the root secret. */
export const OPERATOR: Operator = { type: 'operator', id: 'command-line', ip: '' }
