import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logged, outcomeOfAnswer, outcomeOfFault } from '../../server/deliveries/outcome.ts'

const ADDRESS = 'https://platform.example/keys'

for (const { status, kind, error } of [
  { status: 200, kind: 'acknowledged', error: null },
  { status: 299, kind: 'acknowledged', error: null },
  { status: 300, kind: 'refused', error: 'redirect' },
  { status: 308, kind: 'refused', error: 'redirect' },
  { status: 400, kind: 'refused', error: 'status' },
  { status: 409, kind: 'refused', error: 'status' },
  { status: 410, kind: 'gone', error: 'status' },
  { status: 411, kind: 'refused', error: 'status' },
  { status: 503, kind: 'refused', error: 'status' },
])
  test(`a response of ${status} is ${kind}`, () => {
    const outcome = outcomeOfAnswer(status, '60', ADDRESS)
    assert.equal(outcome.kind, kind)
    assert.deepEqual(logged(outcome), { status, error })
    if (outcome.kind === 'refused') assert.equal(outcome.retryAfter, '60')
  })

for (const [fault, kind] of [
  ['dns', 'unsent'],
  ['address_refused', 'unsent'],
  ['connect', 'unanswered'],
  ['tls', 'unanswered'],
  ['timeout', 'unanswered'],
  ['aborted', 'unanswered'],
  ['protocol', 'unanswered'],
] as const)
  test(`${fault} is ${kind}, and the log names it without a status`, () => {
    const outcome = outcomeOfFault(fault)
    assert.equal(outcome.kind, kind)
    assert.deepEqual(logged(outcome), { status: null, error: fault })
  })
