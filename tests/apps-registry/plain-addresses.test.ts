import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManifest } from '../../apps-registry/manifest.ts'
import { SAMPLE_CATALOG } from '../../server/base/catalog.ts'
import { isOneLine } from '../../server/base/one-line.ts'
import { showsAll } from '../../server/base/plain-text.ts'

const manifest = (more: object) => ({
  client_name: 'Shipyard Hosting',
  redirect_uris: ['https://app.example.com/callback'],
  managed_keys: [],
  ...more,
})
const faultsOf = (more: object) => parseManifest(manifest(more), SAMPLE_CATALOG).faults

const ODD = [
  'https://*.example.com/callback',
  'https://a;b.example.com/',
  'https://a,b.example.com/',
  'https://a$b.example.com/',
  "https://a'b.example.com/",
  'https://a.example.com\\@b.example.com/',
  'https://a%2eexample.com/',
  'https://exämple.com/',
  'https://a.example.com/\u202egpj.exe',
  'https://a.example.com/ b',
  'https:a.example.com/',
  'https:///a.example.com/',
]

for (const field of ['key_delivery_uri', 'jwks_uri', 'logo_uri', 'install_uri', 'setup_uri', 'client_uri', 'tos_uri'])
  test(`${field}: a disguised or non-canonical host is refused with the name of the field`, () => {
    for (const address of ODD) assert.equal(faultsOf({ [field]: address })[0]?.field, field, address)
    assert.deepEqual(faultsOf({ [field]: 'https://a_b.xn--exmple-cua.com:8443/%C3%A4?b=*;,$' }), [])
    assert.deepEqual(faultsOf({ [field]: 'https://[2001:db8::1]:8443/a' }), [])
  })

test('redirect_uris: exact, without wildcards in any part', () => {
  for (const address of [...ODD, 'https://app.example.com/*', 'https://app.example.com/callback?to=*'])
    assert.equal(
      faultsOf({ redirect_uris: ['https://app.example.com/', address] })[0]?.field,
      'redirect_uris[1]',
      address,
    )
  for (const address of ['http://[::1]:4000/callback', 'http://127.0.0.1/callback', 'http://localhost:4000/callback'])
    assert.deepEqual(faultsOf({ redirect_uris: [address] }), [], address)
})

test('names and texts: invisible and bidirectional control characters are refused; scripts and emoji are accepted', () => {
  for (const text of [
    'Ship\u202eyard',
    'Ship\u200byard',
    'Ship\u2066yard\u2069',
    'Ship\ufeffyard',
    'Ship\u00adyard',
    'a\u0000b',
  ])
    for (const [field, more] of [
      ['client_name', { client_name: text }],
      ['tagline', { tagline: text }],
      ['description', { description: text }],
      ['permissions[0].purpose', { permissions: [{ name: 'charges:read', purpose: text }] }],
    ] as const)
      assert.equal(faultsOf(more)[0]?.field, field, JSON.stringify(text))
  for (const text of ['Bücher & Söhne', 'دفتر', 'می‌خواهم', 'नमस्ते', '本屋', '👩‍🚀 Shop', '❤️', 'Zeile'])
    assert.ok(isOneLine(text) && showsAll(text), text)
  assert.equal(isOneLine('two\nlines'), false)
})
