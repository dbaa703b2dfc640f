import type { Operator } from '../audit/actor.ts'

/** Who acts on the command line: whoever may read the root secret. */
export const OPERATOR: Operator = { type: 'operator', id: 'command-line', ip: '' }
