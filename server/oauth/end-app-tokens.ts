import type { Tx } from '../../db/connect.ts'
import { hashSecret } from '../base/secret-format.ts'
import { deleteByApp } from './record-store.ts'

/**
 * Ends the access tokens that an app got for itself (`client_credentials`), for when its secret is replaced: whoever had
 * the old one may hold some. Those of installations stay, because nobody gets them with the secret alone.
 */
export async function endAppTokens(tx: Tx, appId: string): Promise<void> {
  await deleteByApp(tx, 'ClientCredentials', hashSecret(appId))
}
