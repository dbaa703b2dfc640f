import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashRecoveryCode, newRecoveryCodes } from '../../server/accounts/recovery-codes.ts'
import { newTotpSecret, stepOfCode, totpAddress } from '../../server/accounts/totp.ts'
import { systemRandom } from '../../server/base/random.ts'

/** `12345678901234567890`, the secret of RFC 6238 appendix B. */
const SECRET = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
/** Seconds and the last six digits of the codes of RFC 6238 appendix B. */
const VECTORS = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
] as const

test('codes are those of RFC 6238, and those of one step before and after are accepted', () => {
  for (const [seconds, code] of VECTORS) {
    const step = Math.floor(seconds / 30)
    for (const skew of [-1, 0, 1]) assert.equal(stepOfCode(SECRET, code, (step + skew) * 30_000), step, code)
    for (const skew of [-2, 2]) assert.equal(stepOfCode(SECRET, code, (step + skew) * 30_000), undefined, code)
  }
  assert.equal(stepOfCode(SECRET, ' 287 082 ', 59_000), 1)
})

test('what is no code is refused', () => {
  for (const code of ['', '28708', '2870820', 'abcdef', '28708a', '２８７０８２', '-287082x'])
    assert.equal(stepOfCode(SECRET, code, 59_000), undefined, code)
})

test('a secret has 160 bits and reaches the app in its address', () => {
  const secret = newTotpSecret(systemRandom)
  assert.match(secret, /^[A-Z2-7]{32}$/)
  assert.notEqual(newTotpSecret(systemRandom), secret)
  const address = new URL(totpAddress(secret, { issuer: 'Northwind Pay', label: 'ada@example.com' }))
  assert.equal(address.protocol, 'otpauth:')
  assert.equal(address.searchParams.get('secret'), secret)
  assert.equal(address.searchParams.get('issuer'), 'Northwind Pay')
})

test('ten recovery codes differ, and are recognized however they are typed', () => {
  const codes = newRecoveryCodes(systemRandom)
  assert.equal(new Set(codes).size, 10)
  for (const code of codes) {
    assert.match(code, /^[a-z2-9]{4}(-[a-z2-9]{4}){3}$/)
    assert.equal(hashRecoveryCode(` ${code.toUpperCase().replaceAll('-', ' ')}`), hashRecoveryCode(code))
  }
})
