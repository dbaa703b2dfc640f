import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAllowedRule } from '../../server/base/addresses.ts'
import { judge, type KeyRecord } from '../../server/keys/judge-key.ts'

const AT = 1_900_000_000_000
const good: KeyRecord = {
  id: 'key_1',
  kind: 'restricted',
  accountId: 'acct_1',
  installationId: null,
  appId: null,
  mode: 'live',
  permissions: ['charges:read'],
  status: 'active',
  expiresAt: null,
  freezeUntil: null,
  frozen: false,
  suspended: false,
  allows: null,
}
const codeOf = (key: KeyRecord, question = {}, at = AT) => {
  const verdict = judge(key, question, at)
  return verdict.valid ? 'valid' : verdict.code
}

test('a valid restricted key returns everything that a resource server needs', () => {
  assert.deepEqual(judge({ ...good, expiresAt: AT + 1 }, { permission: 'charges:read' }, AT), {
    valid: true,
    key_id: 'key_1',
    type: 'restricted',
    account_id: 'acct_1',
    installation_id: null,
    app_id: null,
    mode: 'live',
    permissions: ['charges:read'],
    expires_at: new Date(AT + 1).toISOString(),
  })
})

test('the codes are checked in the documented order: each fault hides those after it', () => {
  const question = { permission: 'payouts:write', ip: '198.51.100.1' }
  const faulty = { ...good, permissions: [], frozen: true, suspended: true, status: 'expired' as const }
  const worst: KeyRecord = { ...faulty, allows: createAllowedRule(['203.0.113.0/24']) }
  assert.equal(codeOf(worst, question), 'expired')
  assert.equal(codeOf({ ...worst, status: 'active' }, question), 'suspended')
  assert.equal(codeOf({ ...worst, status: 'active', suspended: false }, question), 'frozen')
  const thawed: KeyRecord = { ...worst, status: 'active', suspended: false, frozen: false }
  assert.equal(codeOf(thawed, question), 'insufficient_permissions')
  assert.equal(codeOf({ ...thawed, permissions: ['payouts:write'] }, question), 'ip_not_allowed')
  assert.equal(codeOf({ ...thawed, permissions: ['payouts:write'] }, { ...question, ip: '203.0.113.7' }), 'valid')
})

test('a key with an allowlist is refused if the call does not state its address', () => {
  const key = { ...good, allows: createAllowedRule(['203.0.113.0/24', '2001:db8::/32']) }
  assert.equal(codeOf(key), 'ip_not_allowed')
  for (const ip of ['203.0.113.7', '::ffff:203.0.113.7', '2001:db8::1']) assert.equal(codeOf(key, { ip }), 'valid', ip)
  for (const ip of ['198.51.100.1', '::ffff:198.51.100.1', '2001:db9::1'])
    assert.equal(codeOf(key, { ip }), 'ip_not_allowed', ip)
  assert.equal(codeOf(good), 'valid', 'without a list, from anywhere')
})

test('deadlines count to the millisecond: of the key or of its freeze, whichever is earlier', () => {
  for (const key of [
    { ...good, expiresAt: AT },
    { ...good, frozen: true, freezeUntil: AT },
    { ...good, frozen: true, freezeUntil: AT, expiresAt: AT + 5 },
    { ...good, frozen: true, freezeUntil: AT + 5, expiresAt: AT },
  ]) {
    assert.equal(codeOf(key, {}, AT - 1), key.frozen ? 'frozen' : 'valid')
    assert.equal(codeOf(key, {}, AT), 'expired')
  }
})
