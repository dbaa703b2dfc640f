import type { KeyObject } from 'node:crypto'
import type { Clock } from './clock.ts'
import type { Ids } from './ids.ts'
import type { Keyring } from './keyring.ts'
import type { Random } from './random.ts'

/** What a verb may use besides its transaction. */
export type Caps = {
  clock: Clock
  ids: Ids
  random: Random
  keyring: Keyring
  /** Keys the hash chains of the activity log; see `audit/activity-key.ts`. */
  activityKey: KeyObject
}
