import { announce } from '../db/changes.ts'
import type { Tx } from '../db/connect.ts'
import type { Logo } from './app-store.ts'

export async function readLogo(tx: Tx, id: string): Promise<Logo | undefined> {
  const row: { logo: Buffer | null; logo_type: string | null } | undefined = await tx('apps')
    .where({ id })
    .first('logo', 'logo_type')
  return row?.logo && row.logo_type ? { type: row.logo_type, bytes: row.logo } : undefined
}

export async function saveJwks(tx: Tx, id: string, jwks: unknown): Promise<void> {
  await tx('apps')
    .where({ id })
    .update({ jwks: JSON.stringify(jwks) })
}

export async function setGoneAddress(tx: Tx, id: string, address: string | null): Promise<void> {
  await tx('apps').where({ id }).update({ gone_address: address })
  if (address === null) announce(tx, 'deliveries')
}

/** Clears the hold if it is still about this address. */
export async function clearGone(tx: Tx, id: string, address: string): Promise<void> {
  const cleared = await tx('apps').where({ id, gone_address: address }).update({ gone_address: null })
  if (cleared > 0) announce(tx, 'deliveries')
}

export async function replaceWebhookSecret(tx: Tx, id: string, secret: string, previousUntil: number): Promise<void> {
  await tx('apps')
    .where({ id })
    .update({
      previous_webhook_secret: tx.ref('webhook_secret'),
      previous_webhook_secret_until: previousUntil,
      webhook_secret: secret,
    })
}
