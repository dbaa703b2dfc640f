import { type Adapter, type AdapterPayload, errors } from 'oidc-provider'
import { platformOfToken } from '../../apps-registry/create-platform.ts'
import type { Database, Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { SECOND } from '../base/clock.ts'
import { hashSecret } from '../base/secret-format.ts'
import { type ClientHooks, createClientAdapter, REGISTRATION_POLICY } from './client-adapter.ts'
import { narrowedNow } from './narrow-grants.ts'
import { withOmission } from './omitted-redirect-uri.ts'
import {
  consumeRecord,
  deleteByGrant,
  deleteRecord,
  type FoundRecord,
  findRecord,
  insertRecord,
  type OAuthRecord,
  upsertRecord,
} from './record-store.ts'
import { createRegistrationTokenAdapter } from './registration-tokens.ts'
import { UsedBefore } from './replay-detection.ts'
import { currentRequest } from './request-context.ts'
import { openPayload, sealPayload } from './sealed-payload.ts'

export type AdapterCaps = Caps & { database: Database; review: 'required' | 'off' }

/**
 * oidc-provider's storage. An id is the token, code or cookie itself, so only its SHA-256 is stored, and the payload,
 * which repeats parts of it, is encrypted under the root secret.
 */
export function createAdapterFactory(caps: AdapterCaps, hooks: ClientHooks): (model: string) => Adapter {
  return model => {
    if (model === 'Client') return createClientAdapter(caps, hooks)
    if (model === 'InitialAccessToken') return initialAccessTokens(caps)
    const records = createRecordAdapter(caps, model)
    return model === 'RegistrationAccessToken' ? createRegistrationTokenAdapter(caps.database, records) : records
  }
}

/**
 * Records that may be lost if the machine loses power within seconds, because the person or platform simply starts
 * again.
 */
const SHORT_LIVED: readonly string[] = [
  'Interaction',
  'Session',
  'AuthorizationCode',
  'AccessToken',
  'ClientCredentials',
  'PushedAuthorizationRequest',
]

/** Models whose `uid_hash` identifies their app; the library looks none of them up by a uid. */
const FOUND_BY_APP: readonly string[] = ['Grant', 'ClientCredentials']

/** Joins the transaction of the request if there is one, and opens its own otherwise. */
function inTransaction<Result>(database: Database, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  const open = currentRequest()?.tx
  return open ? work(open) : database.transaction(work)
}

/** `work` makes one query. */
function reading<Result>(database: Database, work: (tx: Tx) => Promise<Result>): Promise<Result> {
  const open = currentRequest()?.tx
  return open ? work(open) : database.look(work)
}

function createRecordAdapter(caps: AdapterCaps, model: string): Adapter {
  const { database, clock } = caps
  const { toRecord, toPayload } = createCodec(caps, model)
  const findBy = (column: 'uid_hash' | 'user_code_hash', value: string) =>
    reading(database, async tx => toPayload(await findRecord(tx, model, column, hashSecret(value)), undefined))

  return {
    async upsert(id, payload, expiresIn) {
      const record = toRecord(id, model === 'AuthorizationCode' ? withOmission(payload) : payload, expiresIn)
      if (SHORT_LIVED.includes(model) && !currentRequest()?.tx)
        return await database.relaxed(tx => upsertRecord(tx, record))
      if (model !== 'ReplayDetection') return await inTransaction(database, tx => upsertRecord(tx, record))
      const first = await inTransaction(database, tx => insertRecord(tx, record))
      if (!first) throw new UsedBefore('the assertion or proof has been used before')
    },
    find: id => reading(database, async tx => toPayload(await findRecord(tx, model, 'id_hash', hashSecret(id)), id)),
    findByUid: uid => findBy('uid_hash', uid),
    findByUserCode: code => findBy('user_code_hash', code),
    async consume(id) {
      const first = await inTransaction(database, tx => consumeRecord(tx, model, hashSecret(id), clock.now()))
      if (first) return
      if (model === 'PushedAuthorizationRequest') throw new errors.InvalidRequestUri('request_uri has been used before')
      throw new errors.InvalidGrant(`${model} has been used before`)
    },
    destroy: id => inTransaction(database, tx => deleteRecord(tx, model, hashSecret(id))),
    revokeByGrantId: grantId => inTransaction(database, tx => deleteByGrant(tx, model, hashSecret(grantId))),
  }
}

/** Between oidc-provider's payload of a model and its row. */
function createCodec({ clock, keyring }: AdapterCaps, model: string) {
  function toRecord(
    id: string,
    payload: AdapterPayload,
    expiresIn: number | undefined,
  ): Omit<OAuthRecord, 'consumed_at'> {
    const { jti: _, ...kept } = payload
    // A waiting request is bound to its browser by its own cookies; the signed-in person comes from our session.
    if (model === 'Interaction') delete kept.session
    const idHash = hashSecret(id)
    const uid = FOUND_BY_APP.includes(model) ? payload.clientId : payload.uid
    return {
      model,
      id_hash: idHash,
      payload: sealPayload(keyring, { model, id_hash: idHash }, kept),
      grant_hash: payload.grantId ? hashSecret(payload.grantId) : null,
      uid_hash: uid ? hashSecret(uid) : null,
      user_code_hash: payload.userCode ? hashSecret(payload.userCode) : null,
      expires_at: expiresIn ? clock.now() + expiresIn * SECOND : null,
    }
  }

  function toPayload(record: FoundRecord | undefined, id: string | undefined): AdapterPayload | undefined {
    if (!record) return undefined
    const payload = narrowedNow(openPayload(keyring, record), record)
    if (id !== undefined) payload.jti = id
    if (record.consumed_at !== null) payload.consumed = Math.floor(record.consumed_at / SECOND)
    return payload
  }

  return { toRecord, toPayload }
}

/** Registration tokens belong to platforms; oidc-provider only reads them. */
function initialAccessTokens({ database }: AdapterCaps): Adapter {
  const refuse = async () => {
    throw new Error('registration tokens are made by `latchkey platform create`')
  }
  return {
    upsert: refuse,
    consume: refuse,
    destroy: refuse,
    revokeByGrantId: refuse,
    findByUid: async () => undefined,
    findByUserCode: async () => undefined,
    async find(token) {
      const known = currentRequest()?.registrant ?? (await database.read(tx => platformOfToken(tx, token)))
      return known && { jti: token, kind: 'InitialAccessToken', policies: [REGISTRATION_POLICY] }
    },
  }
}
