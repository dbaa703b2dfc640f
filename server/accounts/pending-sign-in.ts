import type { Caps } from '../base/caps.ts'
import { MINUTE } from '../base/clock.ts'
import { hashSecret } from '../base/secret-format.ts'

/** A sign-in whose password was right and whose code is missing. */
export type PendingSignIn = { id: string; userId: string; passwordMark: string; expiresAt: number }

type PendingCaps = Pick<Caps, 'clock' | 'random' | 'keyring'>

const LIFE = 10 * MINUTE
const PURPOSE = 'pending-sign-in'

/** A sealed form field that carries a sign-in to the page of the code. A changed password makes it worthless. */
export function sealPendingSignIn(
  { clock, random, keyring }: PendingCaps,
  { userId, passwordHash }: { userId: string; passwordHash: string },
): string {
  const id = random.bytes(16).toString('base64url')
  const pending: PendingSignIn = { id, userId, passwordMark: markOf(passwordHash), expiresAt: clock.now() + LIFE }
  return keyring.encrypt(PURPOSE, '', JSON.stringify(pending))
}

/** What such a field says; undefined if it is not ours or too old. */
export function openPendingSignIn({ clock, keyring }: PendingCaps, field: string): PendingSignIn | undefined {
  try {
    const pending: PendingSignIn = JSON.parse(keyring.decrypt(PURPOSE, '', field))
    return pending.expiresAt > clock.now() ? pending : undefined
  } catch {
    return undefined // whatever does not decrypt was not made here
  }
}

/** Identifies a password hash without containing it. */
export function markOf(passwordHash: string): string {
  return hashSecret(passwordHash).slice(0, 16)
}
