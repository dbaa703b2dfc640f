import type { Tx } from '../db/connect.ts'
import { findAccount } from '../server/accounts/roles.ts'
import { type Actor, recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { hashSecret, isWellFormedSecret, mintSecret, redactSecret } from '../server/base/secret-format.ts'
import { findPlatformOfToken, insertPlatform, insertRegistrationToken, type Platform } from './platform-store.ts'

export type CreatePlatform = { accountId: string; name: string; actor: Actor }

/** Makes the publisher profile of an account, and a token that registers apps for it; the token is shown once. */
export async function createPlatform(
  tx: Tx,
  { clock, ids, random, keyBrand }: Caps & { keyBrand: string },
  command: CreatePlatform,
): Promise<{ platform: Platform; registrationToken: string }> {
  const at = clock.now()
  if (!(await findAccount(tx, command.accountId)))
    throw new AppError('object.not_found', { detail: 'There is no such account.' })
  const platform: Platform = { id: ids.next('plat'), accountId: command.accountId, name: command.name }
  await insertPlatform(tx, { ...platform, at })
  const registrationToken = mintSecret(random, `${keyBrand}t_`)
  await insertRegistrationToken(tx, {
    tokenHash: hashSecret(registrationToken),
    platformId: platform.id,
    redacted: redactSecret(registrationToken),
    at,
  })
  await recordActivity(
    tx,
    [command.accountId],
    [{ actor: command.actor, what: 'platform.created', object: platform.id, at }],
  )
  return { platform, registrationToken }
}

/** The platform that a registration token speaks for, or nothing. */
export async function platformOfToken(tx: Tx, token: string): Promise<Platform | undefined> {
  return isWellFormedSecret(token) ? await findPlatformOfToken(tx, hashSecret(token)) : undefined
}
