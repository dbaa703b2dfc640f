import type { AdapterPayload } from 'oidc-provider'
import type { Keyring } from '../base/keyring.ts'
import type { OAuthRecord } from './record-store.ts'

type Place = Pick<OAuthRecord, 'model' | 'id_hash'>

/** What oidc-provider stores, encrypted under the root secret and bound to its row. */
export function sealPayload(keyring: Keyring, place: Place, payload: AdapterPayload): string {
  return keyring.encrypt('oauth', contextOf(place), JSON.stringify(payload))
}

export function openPayload(keyring: Keyring, record: Place & Pick<OAuthRecord, 'payload'>): AdapterPayload {
  return JSON.parse(keyring.decrypt('oauth', contextOf(record), record.payload))
}

function contextOf({ model, id_hash }: Place): string {
  return `${model}:${id_hash}`
}
