import type { Operator } from '../audit/actor.ts'

/** The actor of commands: anyone who can read the root secret. */
export const OPERATOR: Operator = { type: 'operator', id: 'command-line', ip: '' }
