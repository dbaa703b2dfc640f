import type { Tx } from '../../db/connect.ts'
import { hashSecret } from '../base/secret-format.ts'
import { deleteByApp } from './record-store.ts'

/**
 * Revokes the client-credentials tokens of an app when its secret is replaced, because a holder of the old secret may
 * have some. Tokens of installations stay, because the secret alone does not yield them.
 */
export async function endAppTokens(tx: Tx, appId: string): Promise<void> {
  await deleteByApp(tx, 'ClientCredentials', hashSecret(appId))
}
