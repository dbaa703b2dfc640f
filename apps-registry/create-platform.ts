import type { Tx } from '../db/connect.ts'
import { findAccount } from '../server/accounts/find-account.ts'
import type { Actor } from '../server/audit/actor.ts'
import { recordActivity } from '../server/audit/record-activity.ts'
import type { Caps } from '../server/base/caps.ts'
import { AppError } from '../server/base/errors.ts'
import { hashSecret, isWellFormedSecret, mintSecret, redactSecret } from '../server/base/secret-format.ts'
import {
  findPlatformOfToken,
  findPlatformRow,
  insertPlatform,
  insertRegistrationToken,
  lockPlatform,
  type Platform,
  revokeTokens,
} from './platform-store.ts'

export type CreatePlatform = { accountId: string; name: string; actor: Actor }

/** Creates the publisher profile of an account and a token that registers apps for it; the token is shown once. */
export async function createPlatform(
  tx: Tx,
  caps: Caps & { keyBrand: string },
  command: CreatePlatform,
): Promise<{ platform: Platform; registrationToken: string }> {
  const at = caps.clock.now()
  if (!(await findAccount(tx, command.accountId)))
    throw new AppError('object.not_found', { detail: 'There is no such account.' })
  const platform: Platform = { id: caps.ids.next('plat'), accountId: command.accountId, name: command.name }
  await insertPlatform(tx, { ...platform, at })
  const registrationToken = await mintToken(tx, caps, platform.id, at)
  await recordActivity(
    tx,
    caps,
    [command.accountId],
    [{ actor: command.actor, what: 'platform.created', object: platform.id, at }],
  )
  return { platform, registrationToken }
}

/** Replaces the registration token; the new one is shown once. Throws `object.not_found`. */
export async function rotateRegistrationToken(
  tx: Tx,
  caps: Caps & { keyBrand: string },
  command: { platformId: string; actor: Actor },
): Promise<string> {
  const at = caps.clock.now()
  await lockPlatform(tx, command.platformId)
  const platform = await findPlatformRow(tx, command.platformId)
  if (!platform) throw new AppError('object.not_found')
  await revokeTokens(tx, platform.id, at)
  const registrationToken = await mintToken(tx, caps, platform.id, at)
  const act = { actor: command.actor, what: 'platform.token_rotated', object: platform.id, at }
  await recordActivity(tx, caps, [platform.accountId], [act])
  return registrationToken
}

/** Makes a registration token and stores its hash. */
export async function mintToken(
  tx: Tx,
  { random, keyBrand }: Caps & { keyBrand: string },
  platformId: string,
  at: number,
): Promise<string> {
  const token = mintSecret(random, `${keyBrand}t_`)
  await insertRegistrationToken(tx, { tokenHash: hashSecret(token), platformId, redacted: redactSecret(token), at })
  return token
}

export type { Platform } from './platform-store.ts'

/** The platform of a registration token; undefined if the token is not valid. */
export async function platformOfToken(tx: Tx, token: string): Promise<Platform | undefined> {
  return isWellFormedSecret(token) ? await findPlatformOfToken(tx, hashSecret(token)) : undefined
}
