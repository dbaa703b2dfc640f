import type { Actor } from '../audit/record-activity.ts'

/** Who acts on the command line: whoever may read the root secret. */
export const OPERATOR: Actor = { type: 'operator', id: 'command-line', ip: '' }
