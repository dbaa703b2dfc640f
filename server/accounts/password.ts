import { createPasswordLane, type Waiting } from './password-lane.ts'
import type { PasswordJob } from './password-thread.ts'

export const PASSWORD_MIN = 12
export const PASSWORD_MAX = 200

/** Makes and compares password hashes. */
export type Passwords = {
  /** Argon2id. Throws `service.busy`. */
  hash(password: string, waiting?: Waiting): Promise<string>
  /**
   * Whether the password matches. Without a hash it does the same work and returns false, so that an unknown email
   * takes as long. Throws `service.busy`.
   */
  check(password: string, passwordHash: string | undefined, waiting?: Waiting): Promise<boolean>
}

/** One pair for the whole process, because it limits the use of its cores. A thread starts with its first job. */
const lanes = { bounded: createPasswordLane({ yields: true }), unbounded: createPasswordLane({ yields: false }) }

/** `bounded: false` removes the limits of the queue (RATE_LIMITS); so does a call without `waiting`. */
export function createPasswords({ bounded }: { bounded: boolean }): Passwords {
  const run = (job: PasswordJob, waiting: Waiting | undefined) =>
    bounded ? lanes.bounded.run(job, waiting) : lanes.unbounded.run(job, undefined)
  return {
    hash: async (password, waiting) => String(await run({ verb: 'hash', password: plain(password) }, waiting)),
    check: async (password, passwordHash, waiting) =>
      (await run({ verb: 'check', password: plain(password), passwordHash }, waiting)) === true,
  }
}

/** In Unicode normal form, because keyboards compose characters differently. */
function plain(password: string): string {
  return password.normalize('NFKC')
}
