import { AppError } from '../base/errors.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import type { Waiting } from './password-lane.ts'
import { busy } from './password-lane.ts'

export type SignInAttempt = {
  /** The caller's address as limits count it. */
  network: string
  /** Lower-cased (`emailKey`). */
  email: string
  /** Set if the owner of the email has signed in with this browser before. */
  known: { userId: string; nonce: string } | undefined
}

/**
 * Counts one attempt to sign in, and returns how it queues. A known browser has a separate count, which nobody else can use
 * up. Unknown browsers are counted by address, by address and email, and in total. If many addresses try one email, each
 * has fewer attempts, but a new address always has some, so that others can lock nobody out. Throws `request.rate_limited`,
 * or `service.busy` if unknown browsers together exceed their total.
 */
export async function limitSignIn(limits: RateLimits, { network, email, known }: SignInAttempt): Promise<Waiting> {
  const ownTry =
    known &&
    (await limits.trySpend('sign_in_browser', known.nonce)) &&
    (await limits.trySpend('sign_in_known', known.userId))
  if (known && ownTry) return { caller: known.nonce, known: true }
  const pair = pairOf(network, email)
  await limits.spend(['sign_in_address', network], ['sign_in_pair', pair])
  if (!(await limits.trySpend('sign_in_email', email))) await limits.spend(['sign_in_pair_under_attack', pair])
  await spendPassword(limits)
  return { caller: network, known: false }
}

/** Resets the counts of a person who has signed in. */
export async function forgiveSignIn(limits: RateLimits, { network, email, known }: SignInAttempt): Promise<void> {
  const pair = pairOf(network, email)
  await limits.forgive('sign_in_pair', pair)
  await limits.forgive('sign_in_pair_under_attack', pair)
  if (known) await limits.forgive('sign_in_browser', known.nonce)
}

/** Spends one of the password hashes for unknown browsers. Throws `service.busy`. */
export async function spendPassword(limits: RateLimits): Promise<void> {
  try {
    await limits.spend(['passwords', ''])
  } catch (error) {
    if (error instanceof AppError && error.code === 'request.rate_limited') throw busy(error.retryAfter)
    throw error
  }
}

function pairOf(network: string, email: string): string {
  return `${network} ${email}`
}
