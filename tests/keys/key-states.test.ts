import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  endToTell,
  overlapAfterArrival,
  type Replaced,
  reasonAtDeadline,
  statusAt,
} from '../../server/keys/key-states.ts'

const AT = 1_900_000_000_000
const HOUR = 3_600_000
const alone: Replaced = { rotation: null, overlapUntil: null, overlapMs: null }
const fresh = { ...alone, status: 'active' as const, expiresAt: null, freezeUntil: null, expiredAt: null }

test('a key is expiring exactly while it has a deadline, whatever status its row has', () => {
  for (const status of ['active', 'expiring'] as const) {
    assert.equal(statusAt({ ...fresh, status }, AT), 'active')
    assert.equal(statusAt({ ...fresh, status, expiresAt: AT + 1 }, AT), 'expiring')
    assert.equal(statusAt({ ...fresh, status, freezeUntil: AT + 1 }, AT), 'expiring')
    assert.equal(statusAt({ ...fresh, status, expiresAt: AT + 1, freezeUntil: AT }, AT), 'expired')
    assert.equal(statusAt({ ...fresh, status, expiresAt: AT }, AT), 'expired')
  }
  assert.equal(statusAt({ ...fresh, status: 'expired' }, AT), 'expired')
})

test('an overlap ends as planned if the new key came in its first half, and never less than that or an hour after', () => {
  const plan = (overlapMs: number): Replaced => ({ rotation: 'waiting', overlapUntil: AT + overlapMs, overlapMs })
  for (const [overlap, arrival, end] of [
    [24 * HOUR, 0, 24 * HOUR],
    [24 * HOUR, 23 * HOUR, 24 * HOUR],
    [24 * HOUR, 48 * HOUR, 49 * HOUR],
    [2 * HOUR, HOUR, 2 * HOUR],
    [HOUR, HOUR / 2, HOUR],
    [HOUR, HOUR, 1.5 * HOUR],
    [1, 1, 2],
  ] as const)
    assert.equal(overlapAfterArrival(plan(overlap), AT + arrival), AT + end, `${overlap} ${arrival}`)
})

test('while a new key is pending, its event states the end that its arrival brings, or the key’s own if that is earlier', () => {
  const waiting = { ...fresh, rotation: 'waiting' as const, overlapUntil: AT + 10, overlapMs: 10 }
  assert.equal(endToTell(fresh, AT), null)
  assert.equal(endToTell(waiting, AT), AT + 10)
  assert.equal(endToTell({ ...waiting, expiresAt: AT + 5 }, AT), AT + 5)
  assert.equal(endToTell({ ...waiting, freezeUntil: AT + 5 }, AT), AT + 5)
  assert.equal(endToTell(waiting, AT + 10), null, 'it is late, and its arrival is an event of its own')
  assert.equal(endToTell({ ...waiting, rotation: 'running', expiresAt: AT + 10 }, AT), AT + 10)
  assert.equal(endToTell({ ...waiting, expiredAt: AT - 1 }, AT), AT - 1)
})

test('the reason of an automatic end: replaced, unless the key’s own deadline or a freeze was earlier', () => {
  const running = { ...fresh, rotation: 'running' as const, overlapUntil: AT, overlapMs: 10, expiresAt: AT }
  assert.equal(reasonAtDeadline(running), 'replaced')
  assert.equal(reasonAtDeadline({ ...running, expiresAt: AT - 1 }), 'deadline')
  assert.equal(reasonAtDeadline({ ...running, freezeUntil: AT - 1 }), 'freeze_ended')
  assert.equal(reasonAtDeadline({ ...running, rotation: 'waiting' }), 'deadline')
  assert.equal(reasonAtDeadline({ ...fresh, expiresAt: AT }), 'deadline')
})
