import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAllowedRule, createEgressRule, parseCidr, withoutPort } from '../../server/base/addresses.ts'

const REFUSED = [
  '0.0.0.0',
  '10.0.0.1',
  '10.255.255.255',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.8',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.19.255.255',
  '198.51.100.1',
  '203.0.113.9',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::ffff:a9fe:a9fe',
  '::ffff:8.8.8.8',
  '::7f00:1',
  '::ffff:0:127.0.0.1',
  '::ffff:0:a9fe:a9fe',
  '::ffff:0:8.8.8.8',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00::1',
  'fe80::1',
  'fe80::1%lo',
  'fec0::1',
  'ff02::1',
  '0:0:0:0:0:0:0:1',
]

const REACHED = [
  '1.1.1.1',
  '8.8.8.8',
  '9.255.255.255',
  '11.0.0.0',
  '100.63.255.255',
  '100.128.0.0',
  '126.255.255.255',
  '128.0.0.1',
  '169.253.255.255',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '192.169.0.0',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2a00:1450:4001::1',
  '2001:4860:4860::8888',
]

test('egress: special-purpose IPv4 and IPv6 addresses are refused in every notation', () => {
  const permits = createEgressRule([])
  for (const address of REFUSED) assert.equal(permits(address), false, address)
})

test('egress: public addresses are allowed, up to the edges of the special ranges', () => {
  const permits = createEgressRule([])
  for (const address of REACHED) assert.equal(permits(address), true, address)
})

test('egress: a string that is not an address is refused', () => {
  const permits = createEgressRule([])
  for (const text of [
    '',
    'localhost',
    'example.com',
    '127.1',
    '0x7f000001',
    '2130706433',
    '[::1]',
    '1.1.1.1/32',
    ' 1.1.1.1',
  ])
    assert.equal(permits(text), false, text)
})

test('egress: the allow list opens exactly its ranges, also for IPv4-mapped addresses', () => {
  const permits = createEgressRule(['127.0.0.1/32', '10.1.0.0/16', 'fd00:1::/32'])
  for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '10.1.0.1', '10.1.255.255', 'fd00:1::9', '8.8.8.8'])
    assert.equal(permits(address), true, address)
  for (const address of ['127.0.0.2', '::ffff:127.0.0.2', '10.2.0.1', 'fd00:2::9', '::1', '169.254.169.254'])
    assert.equal(permits(address), false, address)
})

test('plain http: allowed for addresses on the allow list only, never for a public address', () => {
  const allowed = createAllowedRule(['127.0.0.1/32', 'fd00::/8'])
  for (const address of ['127.0.0.1', 'fd00::1']) assert.equal(allowed(address), true, address)
  for (const address of ['127.0.0.2', '8.8.8.8', '::1', 'localhost', '']) assert.equal(allowed(address), false, address)
})

test('CIDR: an address and its prefix length; a bare address is a range of one; anything else is invalid', () => {
  assert.deepEqual(parseCidr(' 10.0.0.0/8 '), { address: '10.0.0.0', bits: 8 })
  assert.deepEqual(parseCidr('127.0.0.1'), { address: '127.0.0.1', bits: 32 })
  assert.deepEqual(parseCidr('::1'), { address: '::1', bits: 128 })
  assert.deepEqual(parseCidr('fd00::/8'), { address: 'fd00::', bits: 8 })
  for (const text of [
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0/8',
    'all',
    '10.0.0.0/a',
  ])
    assert.equal(parseCidr(text), undefined, text)
})

test('an address loses its port, brackets and zone; other strings stay unchanged', () => {
  for (const [written, address] of [
    ['203.0.113.7:4711', '203.0.113.7'],
    ['[2001:DB8::7]:443', '2001:db8::7'],
    ['[2001:db8::7]', '2001:db8::7'],
    ['2001:db8::7', '2001:db8::7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['[::ffff:203.0.113.7]:1', '203.0.113.7'],
    ['fe80::1%eth0', 'fe80::1'],
    ['203.0.113.7', '203.0.113.7'],
    ...['unknown', '', 'a.example:80', '[', '[]:1', '1.2.3:4'].map(text => [text, text]),
  ] as [string, string][])
    assert.equal(withoutPort(written), address, written)
})
