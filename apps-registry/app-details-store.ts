import type { Tx } from '../db/connect.ts'
import type { Logo } from './app-store.ts'

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

export async function setClientSecret(tx: Tx, id: string, secret: string): Promise<void> {
  await tx('apps').where({ id }).update({ client_secret: secret })
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
