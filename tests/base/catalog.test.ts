import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCatalog, SAMPLE_CATALOG } from '../../server/base/catalog.ts'

const permission = { name: 'charges:read', resource: 'charges', access: 'read', sentence: 'See charges' }

test('catalog: an operator’s own catalog is used as is, with risks optional', () => {
  const risky = { ...permission, name: 'charges:write', access: 'write', risks: ['moves_money', 'irreversible'] }
  assert.deepEqual(parseCatalog([permission, risky]), [{ ...permission, risks: [] }, risky])
})

test('catalog: the built-in catalog follows its own rules', () => {
  assert.deepEqual(parseCatalog(JSON.parse(JSON.stringify(SAMPLE_CATALOG))), SAMPLE_CATALOG)
})

test('catalog: every fault is refused with one line that names its position', () => {
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
