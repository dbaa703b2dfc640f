import type { App } from '../../apps-registry/find-app.ts'
import type { Tx } from '../../db/connect.ts'
import type { Platform } from '../audit/actor.ts'
import { AppError } from '../base/errors.ts'
import { type IdPrefix, isId } from '../base/ids.ts'
import { findInstallationOfApp } from '../installs/find-installation.ts'
import type { Installation } from '../installs/installation.ts'
import { findAppKey, type Key } from '../keys/find-keys.ts'
import type { TokenBearer } from '../oauth/authenticate-token.ts'

/** The bearer of an access token: an app, and with an install token only one installation of it. */
export type Caller = TokenBearer & { app: App; actor: Platform }

/** An identifier in a path. Throws `object.not_found` if it is malformed, as for an object that does not exist. */
export function requireId(prefix: IdPrefix, id: string): string {
  if (!isId(prefix, id)) throw new AppError('object.not_found')
  return id
}

/** An installation that the caller may use. Throws `object.not_found`. */
export async function findOwnInstallation(tx: Tx, { app, installationId }: Caller, id: string): Promise<Installation> {
  requireId('ins', id)
  if (installationId !== undefined && installationId !== id) throw new AppError('object.not_found')
  return await findInstallationOfApp(tx, app.id, id)
}

/** A managed key that the caller may use. Throws `object.not_found`. */
export async function findOwnKey(tx: Tx, { app, installationId }: Caller, id: string): Promise<Key> {
  const key = await findAppKey(tx, app.id, requireId('key', id))
  if (installationId !== undefined && key.installationId !== installationId) throw new AppError('object.not_found')
  return key
}
