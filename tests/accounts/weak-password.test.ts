import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { weaknessOf } from '../../server/accounts/weak-password.ts'

const LIST = new URL('../../server/accounts/common-passwords.txt', import.meta.url)

test('the list has the 10,000 commonest passwords, each of which is refused', () => {
  const list = readFileSync(LIST, 'utf8').trim().split('\n')
  assert.ok(list.length >= 10_000)
  for (const password of list) assert.ok(weaknessOf(password, 'ada@example.com'), password)
})

test('a common password is refused in any case and width, and so is the own email', () => {
  for (const password of ['123456789012', 'UNBELIEVABLE', ' unbelievable ', 'ｕｎｂｅｌｉｅｖａｂｌｅ'])
    assert.match(weaknessOf(password, 'ada@example.com') ?? '', /Many people/, password)
  for (const password of ['ada@example.com', 'ADA@Example.com', ' ada@example.com '])
    assert.match(weaknessOf(password, 'Ada@example.com') ?? '', /your email/, password)
  for (const password of ['a long enough sentence', 'eve@example.com', 'unbelievable sentence'])
    assert.equal(weaknessOf(password, 'ada@example.com'), undefined, password)
})
