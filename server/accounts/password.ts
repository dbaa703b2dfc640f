import { createPasswordLane, type Waiting } from './password-lane.ts'
import type { PasswordJob } from './password-thread.ts'

export const PASSWORD_MIN = 12
export const PASSWORD_MAX = 200

/** Makes and compares password hashes. */
export type Passwords = {
  /** Argon2id. Throws `service.busy`. */
  hash(password: string, waiting?: Waiting): Promise<string>
  /**
   * Whether the password fits. Without a hash it does the same work and returns false, so that an unknown email takes as
   * long. Throws `service.busy`.
   */
  check(password: string, passwordHash: string | undefined, waiting?: Waiting): Promise<boolean>
}

/** For the whole process, because it is the process whose cores are spared. A thread starts with its first job. */
const lanes = { bounded: createPasswordLane({ yields: true }), unbounded: createPasswordLane({ yields: false }) }

/** `bounded: false` lets everybody wait as long as it takes (RATE_LIMITS); so does a call without `waiting`. */
export function createPasswords({ bounded }: { bounded: boolean }): Passwords {
  const run = (job: PasswordJob, waiting: Waiting | undefined) =>
    bounded ? lanes.bounded.run(job, waiting) : lanes.unbounded.run(job, undefined)
  return {
    hash: async (password, waiting) => String(await run({ verb: 'hash', password: plain(password) }, waiting)),
    check: async (password, passwordHash, waiting) =>
      (await run({ verb: 'check', password: plain(password), passwordHash }, waiting)) === true,
  }
}

/** By its characters, not by how a keyboard composes them. */
function plain(password: string): string {
  return password.normalize('NFKC')
}
