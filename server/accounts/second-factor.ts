import type { Tx } from '../../db/connect.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { listMemberships } from './account-store.ts'
import {
  deleteAuthenticator,
  findAuthenticator,
  insertAuthenticator,
  replaceRecoveryCodes,
  SEALED_AUTHENTICATORS,
  spendRecoveryCode,
  spendStep,
} from './authenticator-store.ts'
import { hashRecoveryCode, newRecoveryCodes } from './recovery-codes.ts'
import { type Doing, type SecurityChange, writeOfChange } from './security-letters.ts'
import { stepOfCode } from './totp.ts'

/** Whether a sign-in of this person needs a code after the password. */
export async function hasSecondFactor(tx: Tx, userId: string): Promise<boolean> {
  return (await findAuthenticator(tx, userId)) !== undefined
}

/** Accepts a code of the person's authenticator app once; false for a wrong, late or used one. */
export async function acceptCode(tx: Tx, { clock, keyring }: Caps, userId: string, code: string): Promise<boolean> {
  const authenticator = await findAuthenticator(tx, userId)
  if (!authenticator) return false
  const secret = keyring.decrypt(SEALED_AUTHENTICATORS.purpose, userId, authenticator.secret)
  const step = stepOfCode(secret, code, clock.now())
  return step !== undefined && (await spendStep(tx, userId, step))
}

/** Accepts an unused recovery code once, and tells the person by mail. */
export async function acceptRecoveryCode(tx: Tx, caps: Caps, doing: Doing, code: string): Promise<boolean> {
  if (!(await spendRecoveryCode(tx, doing.userId, hashRecoveryCode(code), caps.clock.now()))) return false
  await writeOfChange(tx, caps, { ...doing, change: 'recovery-code' })
  return true
}

/**
 * Sets up an authenticator app with the code that proves it, and returns the recovery codes. Undefined if the code is
 * wrong, or if the person has an authenticator app already.
 */
export async function addAuthenticator(
  tx: Tx,
  caps: Caps,
  { secret, code, ...doing }: Doing & { secret: string; code: string },
): Promise<string[] | undefined> {
  const at = caps.clock.now()
  const { userId } = doing
  const step = stepOfCode(secret, code, at)
  if (step === undefined) return undefined
  const sealed = caps.keyring.encrypt(SEALED_AUTHENTICATORS.purpose, userId, secret)
  if (!(await insertAuthenticator(tx, { user_id: userId, secret: sealed, created_at: at, last_step: step })))
    return undefined
  const codes = newRecoveryCodes(caps.random)
  await replaceRecoveryCodes(tx, userId, codes.map(hashRecoveryCode))
  await note(tx, caps, doing, 'authenticator', 'authenticator.added')
  return codes
}

/** Removes the authenticator app and its recovery codes. */
export async function removeAuthenticator(tx: Tx, caps: Caps, doing: Doing): Promise<void> {
  if (!(await deleteAuthenticator(tx, doing.userId))) return
  await note(tx, caps, doing, 'authenticator-removed', 'authenticator.removed')
}

/** Makes ten new recovery codes, which replace the old ones; undefined without an authenticator app. */
export async function renewRecoveryCodes(tx: Tx, caps: Caps, doing: Doing): Promise<string[] | undefined> {
  if (!(await hasSecondFactor(tx, doing.userId))) return undefined
  const codes = newRecoveryCodes(caps.random)
  await replaceRecoveryCodes(tx, doing.userId, codes.map(hashRecoveryCode))
  await note(tx, caps, doing, 'recovery-codes', 'recovery_codes.replaced')
  return codes
}

/** A mail to the person, and an entry in the log of each of their accounts. */
async function note(tx: Tx, caps: Caps, doing: Doing, change: SecurityChange, what: string): Promise<void> {
  await writeOfChange(tx, caps, { ...doing, change })
  const actor = { type: 'user' as const, id: doing.userId, ip: doing.ip }
  const accountIds = (await listMemberships(tx, doing.userId)).map(({ account }) => account.id)
  await recordActivity(tx, caps, accountIds, [{ actor, what, object: doing.userId, at: caps.clock.now() }])
}
