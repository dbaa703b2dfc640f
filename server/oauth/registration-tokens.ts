import type { Adapter, Provider } from 'oidc-provider'
import { countsAsRegistrationToken, setRegistrationToken } from '../../apps-registry/registration-token.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { hashSecret } from '../base/secret-format.ts'
import { REGISTRATION_POLICY } from './client-adapter.ts'
import { currentRequest, withTransaction } from './request-context.ts'

/**
 * Registration access tokens (RFC 7592): one is valid for each app, the last issued. `records` stores them like every
 * token.
 */
export function createRegistrationTokenAdapter(database: Database, records: Adapter): Adapter {
  return {
    ...records,
    async upsert(id, payload, expiresIn) {
      const store = (tx: Tx) =>
        withTransaction(tx, async () => {
          await records.upsert(id, payload, expiresIn)
          await setRegistrationToken(tx, payload.clientId ?? '', hashSecret(id))
        })
      const open = currentRequest()?.tx
      await (open ? store(open) : database.transaction(store))
    },
    async find(id) {
      const payload = await records.find(id)
      if (!payload) return undefined
      const appId = payload.clientId ?? ''
      const counts = await database.read(tx => countsAsRegistrationToken(tx, appId, hashSecret(id)))
      return counts ? payload : undefined
    },
    // The library destroys a token used at another app's URL: a mistake must not cost the platform its token.
    destroy: async () => undefined,
  }
}

/** Issues a registration access token for an app, in the caller's transaction; the previous one ends. */
export async function issueRegistrationToken(tx: Tx, provider: Provider, appId: string): Promise<string> {
  const token = new provider.RegistrationAccessToken()
  Object.assign(token, { clientId: appId, policies: [REGISTRATION_POLICY] })
  return await withTransaction(tx, () => token.save())
}
