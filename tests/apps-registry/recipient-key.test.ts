import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { JWK } from 'jose'
import { readJwks } from '../../apps-registry/read-jwks.ts'
import { parseJwks } from '../../apps-registry/recipient-key.ts'

const exported = (pair: { publicKey: { export(options: { format: 'jwk' }): object } }): JWK =>
  pair.publicKey.export({ format: 'jwk' })
const RSA = exported(generateKeyPairSync('rsa', { modulusLength: 2048 }))
const EC = exported(generateKeyPairSync('ec', { namedCurve: 'P-256' }))
const OKP = exported(generateKeyPairSync('x25519'))
const P384 = exported(generateKeyPairSync('ec', { namedCurve: 'P-384' }))
const ED25519 = exported(generateKeyPairSync('ed25519'))

const bytes = (text: string | undefined) => Buffer.from(text ?? '', 'base64url')
const url = (part: Buffer | number[]) => Buffer.from(part).toString('base64url')
const set = (...keys: object[]) => ({ keys: keys.map((key, index) => ({ use: 'enc', kid: `k${index}`, ...key })) })
const verdict = async (jwk: object) => (await parseJwks(set(jwk), 'jwks')).fault?.message

for (const [name, jwk, alg] of [
  ['RSA', RSA, 'RSA-OAEP-256'],
  ['EC P-256', EC, 'ECDH-ES+A256KW'],
  ['X25519', OKP, 'ECDH-ES+A256KW'],
] as const) {
  test(`a valid ${name} key is chosen among any other keys`, async () => {
    const dressed = { ...jwk, ext: false, key_ops: [], x5u: 'https://a.example/', oth2: {}, alg }
    const parsed = await parseJwks(set(dressed), 'jwks')
    assert.ok(!parsed.fault, parsed.fault?.message)
    assert.equal(parsed.recipient.alg, alg)
    assert.deepEqual(
      Object.keys(parsed.recipient.jwk).toSorted(),
      Object.keys({ ...jwk, kid: '', use: '', alg }).toSorted(),
    )
  })
}

test('a modulus with a leading zero octet is the same key', async () => {
  assert.equal(await verdict({ ...RSA, n: url([0, ...bytes(RSA.n)]) }), undefined)
})

/** 2048 bits and odd, with the factor 3. */
const divisible = () => {
  const start = BigInt(`0x${bytes(RSA.n).toString('hex')}`)
  const number = [0n, 2n, 4n].map(step => start + step).find(candidate => candidate % 3n === 0n) ?? 0n
  return url(Buffer.from(number.toString(16), 'hex'))
}

const MALFORMED: [string, object][] = [
  ['RSA with e = 1', { ...RSA, e: url([1]) }],
  ['RSA with e = 3', { ...RSA, e: url([3]) }],
  ['RSA with an even e', { ...RSA, e: url([1, 0, 2]) }],
  ['RSA with e = 65535', { ...RSA, e: url([255, 255]) }],
  ['RSA with e of 65 bits', { ...RSA, e: url([1, 0, 0, 0, 0, 0, 0, 0, 1]) }],
  ['RSA with an e as long as n', { ...RSA, e: RSA.n }],
  ['RSA with e = 0', { ...RSA, e: url([0]) }],
  ['RSA with an empty e', { ...RSA, e: '' }],
  ['RSA with an empty n', { ...RSA, n: '' }],
  ['RSA with an even n', { ...RSA, n: url([...bytes(RSA.n).subarray(0, -1), 2]) }],
  ['RSA with a small factor', { ...RSA, n: divisible() }],
  ['RSA of 2047 bits', { ...RSA, n: url([0x7f, ...bytes(RSA.n).subarray(1)]) }],
  ['RSA of 8200 bits', { ...RSA, n: url([...bytes(RSA.n), ...Buffer.alloc(769, 255)]) }],
  ['RSA of a megabit', { ...RSA, n: url(Buffer.alloc(131_072, 255)) }],
  ['RSA with n in base64', { ...RSA, n: bytes(RSA.n).toString('base64') }],
  ['RSA with blanks in n', { ...RSA, n: ` ${RSA.n}` }],
  ['EC with a short x', { ...EC, x: url(bytes(EC.x).subarray(1)) }],
  ['EC with a long x', { ...EC, x: url([0, ...bytes(EC.x)]) }],
  ['EC with an empty y', { ...EC, y: '' }],
  ['EC with a point at zero', { ...EC, x: url(Buffer.alloc(32)), y: url(Buffer.alloc(32)) }],
  ['EC with a point off the curve', { ...EC, y: EC.x }],
  ['EC with coordinates beyond the field', { ...EC, x: url(Buffer.alloc(32, 255)) }],
  ['EC with a coordinate in base64', { ...EC, x: `${bytes(EC.x).toString('base64')}` }],
  ['EC on P-384', P384],
  ['EC on an unknown curve', { ...EC, crv: 'P-257' }],
  ['EC on P-256 that is called X25519', { ...EC, crv: 'X25519' }],
  ['X25519 with the point 0', { ...OKP, x: url(Buffer.alloc(32)) }],
  ['X25519 with the point 1', { ...OKP, x: url([1, ...Buffer.alloc(31)]) }],
  [
    'X25519 with a point of order 8',
    { ...OKP, x: url(Buffer.from('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'hex')) },
  ],
  ['X25519 with p - 1', { ...OKP, x: url(Buffer.from(`ec${'ff'.repeat(30)}7f`, 'hex')) }],
  ['X25519 with a short x', { ...OKP, x: url(bytes(OKP.x).subarray(1)) }],
  ['X25519 with a long x', { ...OKP, x: url([...bytes(OKP.x), 0]) }],
  ['Ed25519', ED25519],
  ['an unknown type', { kty: 'AKP', pub: 'AAAA' }],
  ['another algorithm', { ...EC, alg: 'ECDH-ES' }],
  ['an empty kid', { ...EC, kid: '' }],
  ['a kid that is too long', { ...EC, kid: 'x'.repeat(201) }],
]
for (const [what, jwk] of MALFORMED) {
  test(`no recipient: ${what}`, async () => {
    assert.match((await verdict(jwk)) ?? 'accepted', /encryption key|"use": "enc"/)
    const second = await parseJwks(set(jwk, EC), 'jwks')
    assert.equal(second.fault ? second.fault.message : second.recipient.kid, 'k1', 'the first usable key is chosen')
  })
}

test('a private member in any key of the set refuses the whole set, whatever its value', async () => {
  for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])
    for (const value of ['AAAA', '', null, 7, []]) {
      const { fault } = await parseJwks(set(EC, { ...OKP, use: 'sig', [member]: value }), 'jwks')
      assert.match(`${fault?.field} ${fault?.message}`, /^jwks.keys\[1\] must be a public key; a private key was sent/)
    }
  const { fault } = await parseJwks(set(EC, { kty: 'oct' }), 'jwks_uri')
  assert.match(`${fault?.field} ${fault?.message}`, /^jwks_uri contains keys\[1\], which must be a public key/)
})

test('RSA keys that cannot verify signatures safely are dropped', () => {
  const weak = { ...RSA, use: 'sig', e: url([1]) }
  const { keys = [] } = readJwks({ keys: [weak, { ...RSA, use: 'sig' }, { ...weak, use: undefined }] }, 'jwks') as {
    keys?: JWK[]
  }
  assert.deepEqual(keys, [{ ...RSA, use: 'sig' }])
})
