import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCatalog, SAMPLE_CATALOG } from '../../server/base/catalog.ts'

const permission = { name: 'charges:read', resource: 'charges', access: 'read', sentence: 'See charges' }

test('catalogue: an operator’s own is taken as it is, without risks where none are named', () => {
  const risky = { ...permission, name: 'charges:write', access: 'write', risks: ['moves_money', 'irreversible'] }
  assert.deepEqual(parseCatalog([permission, risky]), [{ ...permission, risks: [] }, risky])
})

test('catalogue: the built-in one is right by its own rules', () => {
  assert.deepEqual(parseCatalog(JSON.parse(JSON.stringify(SAMPLE_CATALOG))), SAMPLE_CATALOG)
})

test('catalogue: every fault is refused in one line that names its place', () => {
  const faults: [unknown, RegExp][] = [
    [{}, /^the file: /],
    [null, /^the file: /],
    [[], /^the file: /],
    [[permission, permission], /^the file: names a permission twice$/],
    [[{ ...permission, name: 'openid' }], /^0\.name: is a scope of OpenID Connect$/],
    [[{ ...permission, name: 'offline_access' }], /^0\.name: /],
    [[{ ...permission, name: 'Charges' }], /^0\.name: must be 1 to 80/],
    [[{ ...permission, name: 'two words' }], /^0\.name: /],
    [[{ ...permission, name: '' }], /^0\.name: /],
    [[{ ...permission, name: 'a'.repeat(81) }], /^0\.name: /],
    [[permission, { ...permission, name: 'x', access: 'admin' }], /^1\.access: /],
    [[{ ...permission, sentence: '' }], /^0\.sentence: /],
    [[{ ...permission, sentence: 'a'.repeat(201) }], /^0\.sentence: /],
    [[{ ...permission, resource: undefined }], /^0\.resource: /],
    [[{ ...permission, risks: ['unheard_of'] }], /^0\.risks\.0: /],
  ]
  for (const [json, expected] of faults)
    assert.throws(() => parseCatalog(json), { message: expected }, JSON.stringify(json))
})
