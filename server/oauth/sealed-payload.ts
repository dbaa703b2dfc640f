import type { AdapterPayload } from 'oidc-provider'
import type { SealedColumn } from '../../db/sealed-columns.ts'
import type { Keyring } from '../base/keyring.ts'
import type { OAuthRecord } from './record-store.ts'

const PURPOSE = 'oauth'

type RecordId = Pick<OAuthRecord, 'model' | 'id_hash'>

/** Encrypts a record of oidc-provider under the root secret, bound to its row. */
export function sealPayload(keyring: Keyring, record: RecordId, payload: AdapterPayload): string {
  return keyring.encrypt(PURPOSE, contextOf(record), JSON.stringify(payload))
}

export function openPayload(keyring: Keyring, record: RecordId & Pick<OAuthRecord, 'payload'>): AdapterPayload {
  return JSON.parse(keyring.decrypt(PURPOSE, contextOf(record), record.payload))
}

export const SEALED_RECORDS: SealedColumn = {
  table: 'oauth_records',
  column: 'payload',
  key: ['model', 'id_hash'],
  purpose: PURPOSE,
  context: ({ model = '', id_hash = '' }) => contextOf({ model, id_hash }),
}

function contextOf({ model, id_hash }: RecordId): string {
  return `${model}:${id_hash}`
}
