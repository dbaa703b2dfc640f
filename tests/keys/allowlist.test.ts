import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createAllowedRule } from '../../server/base/addresses.ts'
import { MOST_ADDRESSES, parseAllowlist } from '../../server/keys/allowlist.ts'

const faultOf = (text: string) => parseAllowlist(text).faults.join('\n')

describe('an allowlist', () => {
  for (const [typed, entries] of [
    ['203.0.113.7', ['203.0.113.7']],
    ['203.0.113.7/32', ['203.0.113.7']],
    ['203.0.113.99/24', ['203.0.113.0/24']],
    [' 203.0.113.7 \r\n\r\n198.51.100.1\n', ['203.0.113.7', '198.51.100.1']],
    ['203.0.113.7\n203.0.113.7/32\n::ffff:203.0.113.7', ['203.0.113.7']],
    ['2001:DB8:0:0:0:0:0:1', ['2001:db8::1']],
    ['2001:db8:ffff::1/32', ['2001:db8::/32']],
    ['::ffff:203.0.113.0/120', ['203.0.113.0/24']],
    ['::ffff:cb00:7107', ['203.0.113.7']],
    ['0:0:0:0:0:FFFF:203.0.113.7/128', ['203.0.113.7']],
    ['10.0.0.0/8', ['10.0.0.0/8']],
    ['127.0.0.1\n203.0.113.7', ['127.0.0.1', '203.0.113.7']],
  ] as const) {
    test(`is normalized: ${JSON.stringify(typed)}`, () => {
      assert.deepEqual(parseAllowlist(typed), { addresses: [...entries], faults: [] })
    })
  }

  test('that is empty is no list', () => assert.deepEqual(parseAllowlist(''), { addresses: null, faults: [] }))

  for (const typed of [' ', '\n', ' \r\n\t\n'])
    test(`with blank lines only is a fault: ${JSON.stringify(typed)}`, () =>
      assert.match(faultOf(typed), /There is no address here/))

  for (const typed of [
    '300.1.1.1',
    '203.0.113',
    '203.0.113.7/33',
    '203.0.113.7/-1',
    '203.0.113.7/',
    '203.0.113.7/24/24',
    '010.1.1.1',
    '2001:db8::/129',
    '2001:db8:::1',
    'fe80::1%eth0',
    'example.com',
    '203.0.113.7 198.51.100.1',
    '203.0.113.*',
    ',',
  ])
    test(`names an invalid address: ${typed}`, () => assert.match(faultOf(typed), /^Line 1: .* is not an address or a/))

  test('names every faulty line by its number, and truncates a long one', () => {
    const { addresses, faults } = parseAllowlist(`203.0.113.7\n\nx${'y'.repeat(500)}\n198.51.100.1\n0.0.0.0/0`)
    assert.equal(addresses, null)
    assert.deepEqual(
      [faults.length, faults[0]?.slice(0, 9), faults[1]?.slice(0, 17)],
      [2, 'Line 3: x', 'Line 5: 0.0.0.0/0'],
    )
    assert.ok((faults[0]?.length ?? 0) < 200)
  })

  for (const typed of ['0.0.0.0/0', '::/0', '203.0.113.7/0', '::ffff:0:0/96', '::ffff:203.0.113.7/96'])
    test(`that allows everything is refused: ${typed}`, () => assert.match(faultOf(typed), /allows every address/))

  for (const typed of ['::/16', '::/80', '::fffe:0:0/95', '::/1'])
    test(`that allows every IPv4 address through IPv6 is refused: ${typed}`, () =>
      assert.match(faultOf(typed), /allows every IPv4 address/))

  for (const typed of ['0.0.0.0/1\n128.0.0.0/1', '8.0.0.0/7', '2000::/3', '8000::/1'])
    test(`that is far too wide is refused: ${typed}`, () => assert.match(faultOf(typed), /too wide/))

  for (const typed of [
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.1',
    '239.0.0.0/8',
    '255.255.255.255',
    '240.0.0.0/8',
    '::',
    'ff02::1',
  ])
    test(`names an address from which no call comes: ${typed}`, () =>
      assert.match(faultOf(typed), /^Line 1: .* is no address that a call can come from/))

  for (const typed of ['127.0.0.1', '127.0.0.0/8\n::1', 'fe80::1', '169.254.1.1\n::ffff:127.0.0.1'])
    test(`with addresses of the machine itself only is refused: ${JSON.stringify(typed)}`, () =>
      assert.match(faultOf(typed), /every call from elsewhere would be refused/))

  test(`accepts ${MOST_ADDRESSES} entries, and not one more`, () => {
    const lines = Array.from({ length: MOST_ADDRESSES }, (_, index) => `203.0.113.${index + 1}`)
    assert.equal(parseAllowlist(lines.join('\n')).addresses?.length, MOST_ADDRESSES)
    assert.match(faultOf([...lines, '198.51.100.1'].join('\n')), /a key takes 50/)
  })
})

test('treats IPv4-mapped IPv6 as its IPv4 address, on the list and on the call', () => {
  for (const typed of ['203.0.113.0/24', '::ffff:203.0.113.0/120', '::ffff:cb00:7100/120']) {
    const allows = createAllowedRule(parseAllowlist(typed).addresses ?? [])
    for (const ip of ['203.0.113.7', '::ffff:203.0.113.7', '::FFFF:cb00:7107', '0:0:0:0:0:ffff:cb00:7107'])
      assert.equal(allows(ip), true, `${ip} in ${typed}`)
    for (const ip of ['198.51.100.7', '::ffff:198.51.100.7', '::203.0.113.7', '2001:db8::cb00:7107', 'nonsense', ''])
      assert.equal(allows(ip), false, `${ip} in ${typed}`)
  }
})
