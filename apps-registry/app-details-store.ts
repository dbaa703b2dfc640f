import { announce } from '../db/changes.ts'
import type { Tx } from '../db/connect.ts'
import type { Logo } from './app-store.ts'
import type { Manifest } from './manifest.ts'

/** In place of the hash of a token: the last one was ended and none was issued since. */
export const NO_TOKEN = 'ended'

export async function readLogo(tx: Tx, id: string): Promise<Logo | undefined> {
  const row: { logo: Buffer | null; logo_type: string | null } | undefined = await tx('apps')
    .where({ id })
    .first('logo', 'logo_type')
  return row?.logo && row.logo_type ? { type: row.logo_type, bytes: row.logo } : undefined
}

export async function saveJwks(tx: Tx, id: string, jwks: unknown, at: number): Promise<void> {
  await tx('apps')
    .where({ id })
    .update({ jwks: JSON.stringify(jwks), jwks_at: at })
}

/** `token`: the SHA-256 of the registration access token that counts from now on; without one none does. */
export async function setRegistrationToken(tx: Tx, id: string, token: string | undefined): Promise<void> {
  await tx('apps')
    .where({ id })
    .update({ registration_token: token ?? NO_TOKEN })
}

export async function setGoneAddress(tx: Tx, id: string, address: string | null): Promise<void> {
  await tx('apps').where({ id }).update({ gone_address: address })
  if (address === null) announce(tx, 'deliveries')
}

export async function readGoneAddress(tx: Tx, id: string): Promise<string | null> {
  const row: { gone_address: string | null } | undefined = await tx('apps').where({ id }).first('gone_address')
  return row?.gone_address ?? null
}

export type AppVersion = { number: number; manifest: Manifest; at: number }

/** The newest first. */
export async function listVersionRows(tx: Tx, appId: string): Promise<AppVersion[]> {
  const rows: { number: number; manifest: string; created_at: number }[] = await tx('app_versions')
    .where({ app_id: appId })
    .orderBy('number', 'desc')
    .limit(20)
  return rows.map(({ number, manifest, created_at }) => ({ number, manifest: JSON.parse(manifest), at: created_at }))
}

export async function setClientSecret(tx: Tx, id: string, secret: string): Promise<void> {
  await tx('apps').where({ id }).update({ client_secret: secret })
}

/** Clears the hold if it is still about this address. */
export async function clearGone(tx: Tx, id: string, address: string): Promise<void> {
  const cleared = await tx('apps').where({ id, gone_address: address }).update({ gone_address: null })
  if (cleared > 0) announce(tx, 'deliveries')
}

export async function replaceWebhookSecret(
  tx: Tx,
  id: string,
  secret: string,
  previous: { sealed: string; until: number },
): Promise<void> {
  await tx('apps').where({ id }).update({
    previous_webhook_secret: previous.sealed,
    previous_webhook_secret_until: previous.until,
    webhook_secret: secret,
  })
}
