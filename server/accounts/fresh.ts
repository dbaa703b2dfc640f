import { SECOND } from '../base/clock.ts'

/** By how much the clock of an operator's sign-in may differ from ours. */
export const CLOCK_LEEWAY = 30 * SECOND
