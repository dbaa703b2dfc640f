import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKeyring } from '../../server/base/keyring.ts'
import { opaqueToken, systemRandom } from '../../server/base/random.ts'

const newSecret = () => opaqueToken(systemRandom)

test('keyring: decrypting returns the plaintext, and equal plaintexts have different ciphertexts', () => {
  const keyring = createKeyring([newSecret()], systemRandom)
  for (const plaintext of ['', 'x', 'größer ✓', 'a'.repeat(100_000)]) {
    const sealed = keyring.encrypt('webhook', 'app_1', plaintext)
    assert.equal(keyring.decrypt('webhook', 'app_1', sealed), plaintext)
    assert.notEqual(keyring.encrypt('webhook', 'app_1', plaintext), sealed)
    if (plaintext.length > 1) assert.ok(!sealed.includes(plaintext))
  }
})

test('keyring: a ciphertext cannot be moved to another row or to another purpose', () => {
  const keyring = createKeyring([newSecret()], systemRandom)
  const sealed = keyring.encrypt('webhook', 'app_1', 'the secret')
  assert.throws(() => keyring.decrypt('webhook', 'app_2', sealed))
  assert.throws(() => keyring.decrypt('signing', 'app_1', sealed))
})

test('keyring: a ciphertext that was altered, truncated or extended is refused', () => {
  const keyring = createKeyring([newSecret()], systemRandom)
  const sealed = keyring.encrypt('webhook', 'app_1', 'the secret')
  const [id = '', body = ''] = sealed.split('.')
  const bytes = Buffer.from(body, 'base64url')
  for (let position = 0; position < bytes.length; position += 1) {
    const altered = Buffer.from(bytes)
    altered[position] = (altered[position] ?? 0) ^ 1
    assert.throws(() => keyring.decrypt('webhook', 'app_1', `${id}.${altered.toString('base64url')}`), String(position))
  }
  for (const wrong of [
    bytes.subarray(0, -1),
    bytes.subarray(0, 20),
    bytes.subarray(0, 0),
    Buffer.concat([bytes, bytes]),
  ])
    assert.throws(() => keyring.decrypt('webhook', 'app_1', `${id}.${wrong.toString('base64url')}`))
  assert.throws(() => keyring.decrypt('webhook', 'app_1', id))
  assert.throws(() => keyring.decrypt('webhook', 'app_1', ''))
})

test('keyring: a new first root secret encrypts, and the old ones still decrypt', () => {
  const [older, newer] = [newSecret(), newSecret()]
  const before = createKeyring([older], systemRandom)
  const both = createKeyring([newer, older], systemRandom)
  const sealed = before.encrypt('webhook', 'app_1', 'the secret')
  assert.equal(both.decrypt('webhook', 'app_1', sealed), 'the secret')
  const anew = both.encrypt('webhook', 'app_1', 'the secret')
  assert.equal(createKeyring([newer], systemRandom).decrypt('webhook', 'app_1', anew), 'the secret')
  assert.throws(() => before.decrypt('webhook', 'app_1', anew), /no root secret/)
})

test('keyring: an unknown root secret decrypts nothing, and the error names no secret', () => {
  const secret = newSecret()
  const sealed = createKeyring([secret], systemRandom).encrypt('webhook', 'app_1', 'the secret')
  assert.throws(
    () => createKeyring([newSecret()], systemRandom).decrypt('webhook', 'app_1', sealed),
    (error: Error) =>
      /no root secret for a ciphertext of "webhook"/.test(error.message) && !error.message.includes(secret),
  )
  assert.throws(() => createKeyring([], systemRandom), /needs a root secret/)
})

test('keyring: derived keys differ by purpose and secret, the current one first', () => {
  const [older, newer] = [newSecret(), newSecret()]
  const keys = createKeyring([newer, older], systemRandom).derive('cookies')
  assert.equal(keys.length, 2)
  assert.deepEqual(keys[1], createKeyring([older], systemRandom).derive('cookies')[0])
  assert.notDeepEqual(keys[0], keys[1])
  assert.notDeepEqual(keys[0], createKeyring([newer], systemRandom).derive('other')[0])
})
