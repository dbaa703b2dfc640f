import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManifest } from '../../apps-registry/manifest.ts'
import { readJwks } from '../../apps-registry/read-jwks.ts'
import { SAMPLE_CATALOG } from '../../server/base/catalog.ts'

const permission = { name: 'charges:read', purpose: 'To work.' }
const GOOD = {
  client_name: 'Shipyard',
  redirect_uris: ['https://a.example/cb'],
  key_delivery_uri: 'https://a.example/keys',
  permissions: [permission],
}

type Kind = 'string' | 'list' | 'boolean' | 'number' | 'object'
const VALUES: Record<Kind, unknown> = { string: 'https://a.example/', list: [], boolean: true, number: 7, object: {} }
const SAID: Record<Kind, RegExp> = {
  string: /^must be a string/,
  list: /^must be a list$/,
  boolean: /^must be true or false$/,
  number: /^must be a number$/,
  object: /^must be an object$/,
}

/** Every member of the manifest, and the members of RFC 7591 §2 and OpenID Connect Registration §2 that are used. */
const FIELDS: Record<string, Kind> = {
  application_type: 'string',
  authorization_details_types: 'list',
  categories: 'list',
  'categories[0]': 'string',
  client_name: 'string',
  client_uri: 'string',
  contacts: 'list',
  'contacts[0]': 'string',
  default_acr_values: 'list',
  default_max_age: 'number',
  description: 'string',
  dpop_bound_access_tokens: 'boolean',
  grant_types: 'list',
  'grant_types[0]': 'string',
  id_token_signed_response_alg: 'string',
  initiate_login_uri: 'string',
  install_uri: 'string',
  jwks_uri: 'string',
  key_delivery_uri: 'string',
  logo_uri: 'string',
  managed_keys: 'list',
  'managed_keys[0]': 'object',
  'managed_keys[0].name': 'string',
  'managed_keys[0].permissions': 'list',
  'managed_keys[0].permissions[0]': 'string',
  permissions: 'list',
  'permissions[0]': 'object',
  'permissions[0].name': 'string',
  'permissions[0].purpose': 'string',
  policy_uri: 'string',
  redirect_uris: 'list',
  'redirect_uris[0]': 'string',
  require_auth_time: 'boolean',
  require_pushed_authorization_requests: 'boolean',
  response_modes: 'list',
  'response_modes[0]': 'string',
  response_types: 'list',
  'response_types[0]': 'string',
  scope: 'string',
  sector_identifier_uri: 'string',
  setup_uri: 'string',
  software_id: 'string',
  software_version: 'string',
  subject_type: 'string',
  tagline: 'string',
  token_endpoint_auth_method: 'string',
  token_endpoint_auth_signing_alg: 'string',
  tos_uri: 'string',
}

/** `{a: [{b: value}]}` for `a[0].b`. */
function nested(path: string, value: unknown): Record<string, unknown> {
  const parts = path.match(/\w+/g) ?? []
  return parts.reduceRight<unknown>(
    (inner, part) => (/^\d+$/.test(part) ? [inner] : { [part]: inner }),
    value,
  ) as Record<string, unknown>
}

for (const [field, right] of Object.entries(FIELDS)) {
  test(`${field}: every wrong type is refused with the name and the expected type of the field`, () => {
    const wrong = [...Object.entries(VALUES).filter(([kind]) => kind !== right), ['null', null]]
    for (const [kind, value] of wrong) {
      const { faults } = parseManifest({ ...GOOD, ...nested(field, value) }, SAMPLE_CATALOG)
      const fault = faults.find(found => found.field === field)
      assert.match(fault?.message ?? '', SAID[right], `${kind}: ${JSON.stringify(faults)}`)
    }
  })
}

const NAMED: [string, Record<string, unknown>, string, RegExp][] = [
  [
    'a private-use redirect',
    { redirect_uris: ['https://a.example/', 'com.example:/cb'] },
    'redirect_uris[1]',
    /"com.example:\/cb"/,
  ],
  [
    'a plain redirect',
    { redirect_uris: ['https://a.example/', 'http://b.example/'] },
    'redirect_uris[1]',
    /"http:\/\/b.example\/"/,
  ],
  [
    'an unknown grant type',
    { grant_types: ['authorization_code', 'password'] },
    'grant_types[1]',
    /"password" is not one of auth/,
  ],
  ['an unknown response type', { response_types: ['code', 'token'] }, 'response_types[1]', /"token"/],
  ['an unknown response mode', { response_modes: ['query', 'web_message'] }, 'response_modes[1]', /"web_message"/],
  ['an invalid contact address', { contacts: ['a@a.example', 'b'] }, 'contacts[1]', /must be an email address/],
  ['an unknown permission', { permissions: [permission, { ...permission, name: 'x' }] }, 'permissions[1].name', /"x"/],
  ['an unknown method', { token_endpoint_auth_method: 'none' }, 'token_endpoint_auth_method', /"none" is not one of/],
  ['a negative age', { default_max_age: -1 }, 'default_max_age', /must not be negative/],
  ['letters beyond ASCII', { redirect_uris: ['com.\u00e4\u0000:/'] }, 'redirect_uris[0]', /^[\x20-\x7e]+$/],
]
for (const [what, change, field, message] of NAMED) {
  test(`${what}: the error names the field`, () => {
    const { faults } = parseManifest({ ...GOOD, ...change }, SAMPLE_CATALOG)
    assert.equal(faults[0]?.field, field, JSON.stringify(faults))
    assert.match(faults[0]?.message ?? '', message)
  })
}

const JWK = { kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', kid: 'one', use: 'enc', alg: 'ECDH-ES+A256KW' }
test('jwks: every wrong type is refused with the name of the key and the member', () => {
  const sets = [null, 7, 'x', [], {}, { keys: 7 }, { keys: {} }, { keys: [] }, { keys: null }]
  for (const set of sets) {
    const { fault } = readJwks(set, 'jwks')
    assert.deepEqual([fault?.field, fault?.message], ['jwks', 'must be a JWK Set with 1 to 20 keys'])
  }
  for (const key of [null, 7, 'x', []])
    assert.equal(readJwks({ keys: [JWK, key] }, 'jwks').fault?.field, 'jwks.keys[1]')
  for (const member of Object.keys(JWK)) {
    for (const value of [null, 7, true, [], {}]) {
      const { fault } = readJwks({ keys: [{ ...JWK, [member]: value }] }, 'jwks')
      assert.deepEqual([fault?.field, fault?.message], [`jwks.keys[0].${member}`, 'must be a string'])
    }
  }
  const operations = readJwks({ keys: [{ ...JWK, key_ops: 'sign' }] }, 'jwks').fault
  assert.deepEqual([operations?.field, operations?.message], ['jwks.keys[0].key_ops', 'must be a list of strings'])
  const behind = readJwks({ keys: [{ ...JWK, x: 7 }] }, 'jwks_uri').fault
  assert.deepEqual([behind?.field, behind?.message], ['jwks_uri', 'contains keys[0].x, which must be a string'])
})
