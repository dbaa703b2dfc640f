import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonFault, readJson } from '../../server/base/read-json.ts'

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

const REFUSED: [string, string, RegExp][] = [
  ['33 levels', nested(33), /^the document must have 32 levels/],
  ['thousands of levels', nested(30_000), /32 levels/],
  ['thousands of objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, /32 levels/],
  ['NUL', String.raw`{"a":[1,{"b":"x\u0000"}]}`, /^a\.1\.b must not contain NUL/],
  ['NUL in a name', String.raw`{"a":{"x\u0000":1}}`, /^a must not contain NUL/],
  ['a lone high surrogate', String.raw`["\ud83d"]`, /^0 must not contain NUL/],
  ['a lone low surrogate', String.raw`"\udca9"`, /^the document must not contain/],
  ['a reversed surrogate pair', String.raw`"\udca9\ud83d"`, /unpaired surrogate/],
  ['a duplicate member', '{"a":1,"b":{"a":2},"a":3}', /^a is there twice/],
  ['a duplicate member, once escaped', String.raw`{"a":1,"\u0061":3}`, /^a is there twice/],
  ['a nested duplicate member', '[0,{"x":[{"y":1,"y":1}]}]', /^1\.x\.0\.y is there twice/],
  ['__proto__', '{"__proto__":{"a":1}}', /^__proto__ must not be sent/],
  ['__proto__ in escapes', String.raw`[{"\u005f_proto__":1}]`, /^0\.__proto__ must not/],
]
for (const [what, text, message] of REFUSED) {
  test(`JSON with ${what} is refused, and the message names the position`, () => {
    assert.throws(
      () => readJson(text),
      (error: unknown) => error instanceof JsonFault && message.test(error.message),
    )
  })
}

test('valid JSON that resembles a fault is accepted', () => {
  const taken = [nested(32), '{"a":"{\\"a\\":1,\\"a\\":2}","b":"a","c":["a","a",",:[{"]}', '"\\ud83d\\udca9\\\\u0000"']
  taken.push('{"constructor":1,"toString":2,"hasOwnProperty":3}', ' { "a" : { "a" : [ { "a" : "" } ] } } ', '7')
  for (const text of taken) assert.deepEqual(readJson(text), JSON.parse(text))
})

test('invalid JSON is a SyntaxError', () => {
  for (const text of ['', '{', '"', '{"a":1,}', '{"a" 1}', "{'a':1}", '[1]]', '"\0"', '\u00a0{}'])
    assert.throws(() => readJson(text), { name: 'SyntaxError' }, JSON.stringify(text))
})

test('any storable value is parsed as by JSON.parse', () => {
  const json = fc.json({ stringUnit: 'binary', maxDepth: 6 })
  fc.assert(
    fc.property(json, text => {
      const storable = !/\\u0000|__proto__/.test(text) && JSON.stringify(JSON.parse(text)).isWellFormed()
      fc.pre(storable && !/\\u(?:0000|d[89a-f])/i.test(text))
      assert.deepEqual(readJson(text), JSON.parse(text))
    }),
    { numRuns: 300 },
  )
})
