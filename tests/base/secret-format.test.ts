import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { alphanumeric, base62, type Random, systemRandom } from '../../server/base/random.ts'
import { hashSecret, isWellFormedSecret, mintSecret, redactSecret } from '../../server/base/secret-format.ts'

const FORMS = ['m_live_', 'm_test_', 'r_live_', 'r_test_', 'v_', 't_']
const ALPHABET = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz']

test('key: prefix, 32 random characters and a public checksum, for every brand and kind', () => {
  for (const brand of ['lk', 'nw', 'northwin']) {
    for (const form of FORMS) {
      const secret = mintSecret(systemRandom, brand + form)
      const [, body = '', check = ''] = /^(.*_[0-9A-Za-z]{32})([0-9A-Za-z]{6})$/.exec(secret) ?? []
      assert.ok(body.startsWith(brand + form), secret.slice(0, 12))
      let rest = crc32(body)
      const digits: string[] = []
      for (let position = 0; position < 6; position += 1) {
        digits.unshift(ALPHABET[rest % 62] ?? '')
        rest = Math.floor(rest / 62)
      }
      assert.equal(check, digits.join(''))
      assert.equal(isWellFormedSecret(secret), true)
    }
  }
})

test('key: one changed character anywhere is detected without a query', () => {
  const secret = mintSecret(systemRandom, 'lkm_live_')
  for (let position = 'lkm_live_'.length; position < secret.length; position += 1) {
    const other = secret[position] === 'a' ? 'b' : 'a'
    assert.equal(
      isWellFormedSecret(secret.slice(0, position) + other + secret.slice(position + 1)),
      false,
      String(position),
    )
  }
})

test('key: another kind or mode, a foreign brand, and a wrong length are malformed', () => {
  const secret = mintSecret(systemRandom, 'lkm_live_')
  const wrong = [
    secret.replace('live', 'test'),
    secret.replace('lkm', 'lkr'),
    secret.replace('lkm', 'lpm'),
    secret.slice(0, -1),
    `${secret}a`,
    ` ${secret}`,
    `${secret}\n`,
    secret.toUpperCase(),
    mintSecret(systemRandom, 'lkx_live_'),
    mintSecret(systemRandom, 'lkm_prod_'),
    mintSecret(systemRandom, 'lkv_live_'),
    mintSecret(systemRandom, 'lkm_'),
    mintSecret(systemRandom, 'm_live_'),
    mintSecret(systemRandom, 'muchtoolongbrandm_live_'),
    mintSecret(systemRandom, 'LKm_live_'),
    '',
    'a'.repeat(100_000),
  ]
  for (const text of wrong) assert.equal(isWellFormedSecret(text), false, text.slice(0, 16))
})

test('key: no identifier has the form of a secret', () => {
  for (const prefix of ['key', 'app', 'ins', 'vrf', 'acct'])
    assert.equal(isWellFormedSecret(`${prefix}_${alphanumeric(systemRandom, 26).toLowerCase()}`), false)
})

test('redacted: prefix, ellipsis and the last four characters', () => {
  const secret = mintSecret(systemRandom, 'lkm_live_')
  assert.equal(redactSecret(secret), `lkm_live_…${secret.slice(-4)}`)
  const verifier = mintSecret(systemRandom, 'lkv_')
  assert.equal(redactSecret(verifier), `lkv_…${verifier.slice(-4)}`)
})

test('hash: the database stores SHA-256 in base64url', () => {
  assert.equal(hashSecret('abc'), 'ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0')
})

test('random: bytes that would bias the letters are drawn again', () => {
  const draws = [Buffer.from([255, 254, 253, 252]), Buffer.from([251, 250, 249, 248]), Buffer.from([0, 61, 62, 247])]
  const random: Random = { bytes: () => draws.shift() ?? Buffer.alloc(4), fraction: () => 0 }
  assert.equal(alphanumeric(random, 4), '0z0z')
  assert.equal(draws.length, 0)
})

test('random: 124,000 letters are evenly distributed', () => {
  const expected = 2_000
  const counts = new Map(ALPHABET.map(letter => [letter, 0]))
  for (const letter of alphanumeric(systemRandom, 62 * expected)) counts.set(letter, (counts.get(letter) ?? 0) + 1)
  assert.equal(counts.size, 62)
  const chiSquared = [...counts.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  assert.ok(chiSquared < 160, `chi² of ${chiSquared} with 61 degrees of freedom`) // exceeded by chance once in ten thousand million runs
})

test('random: a fraction stays below one', () => {
  for (let draw = 0; draw < 1_000; draw += 1) {
    const fraction = systemRandom.fraction()
    assert.ok(fraction >= 0 && fraction < 1)
  }
})

test('base62: the smallest and the largest checksum have six characters', () => {
  assert.equal(base62(0, 6), '000000')
  assert.equal(base62(61, 6), '00000z')
  assert.equal(base62(62, 6), '000010')
  assert.equal(base62(2 ** 32 - 1, 6), '4gfFC3')
})
