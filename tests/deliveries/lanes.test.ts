import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimedDelivery } from '../../server/deliveries/claim-store.ts'
import { type Claimed, createLanes, type Lanes, LONGEST_WAIT, MOST_PER_APP } from '../../server/deliveries/lanes.ts'

const claimed = (appId: string, at = 0): Claimed => {
  const delivery: Partial<ClaimedDelivery> = { id: crypto.randomUUID(), app_id: appId, lease_until: at + 25_000 }
  return { delivery: delivery as ClaimedDelivery, app: undefined, at }
}

function fill(lanes: Lanes, appId: string, count: number, at = 0): Claimed[] {
  const added = Array.from({ length: count }, () => claimed(appId, at))
  for (const each of added) lanes.add(each, at)
  return added
}

/** Begins whatever has a place. */
function begin(lanes: Lanes, at = 0): Claimed[] {
  const begun: Claimed[] = []
  for (let next = lanes.next(at); next; next = lanes.next(at)) begun.push(next)
  return begun
}

test('nothing is claimed ahead for an app that has not answered yet', () => {
  const lanes = createLanes()
  assert.equal(lanes.roomFor('app_a'), MOST_PER_APP)
  fill(lanes, 'app_a', MOST_PER_APP)
  assert.equal(begin(lanes).length, MOST_PER_APP)
  assert.equal(lanes.roomFor('app_a'), 0)
  assert.deepEqual(lanes.full(), ['app_a'])
})

test('the faster an app answers, the more is claimed ahead for it; one that takes seconds gets its places and no more', () => {
  const aheadAt = (answerMs: number) => {
    const lanes = createLanes()
    fill(lanes, 'app_a', 1)
    begin(lanes)
    lanes.leave('app_a', answerMs)
    return lanes.roomFor('app_a') - MOST_PER_APP
  }
  assert.equal(aheadAt(0), 480)
  assert.equal(aheadAt(5), 480)
  assert.equal(aheadAt(100), 64)
  assert.equal(aheadAt(15_000), 0)
})

test('posts of one app never exceed its places, whatever waits, and go out in order', () => {
  const lanes = createLanes()
  const added = fill(lanes, 'app_a', 100)
  assert.deepEqual(begin(lanes), added.slice(0, MOST_PER_APP))
  lanes.leave('app_a', 1)
  assert.deepEqual(begin(lanes), added.slice(MOST_PER_APP, MOST_PER_APP + 1))
  assert.deepEqual([lanes.posting(), lanes.waiting()], [MOST_PER_APP, 100 - MOST_PER_APP - 1])
})

test('while half of what was claimed ahead still waits, no more is claimed', () => {
  const lanes = createLanes()
  fill(lanes, 'app_a', 1)
  begin(lanes)
  lanes.leave('app_a', 100) // its pace allows 64 ahead
  fill(lanes, 'app_a', MOST_PER_APP + 64)
  begin(lanes)
  assert.equal(lanes.roomFor('app_a'), 0)
  for (let answered = 0; answered < 31; answered += 1) lanes.leave('app_a', 100)
  begin(lanes)
  assert.equal(lanes.roomFor('app_a'), 0)
  lanes.leave('app_a', 100)
  begin(lanes)
  assert.equal(lanes.roomFor('app_a'), 32)
})

test('another app has its places while one hangs; in a crowd each has few', () => {
  const lanes = createLanes()
  fill(lanes, 'app_dead', 300)
  begin(lanes)
  fill(lanes, 'app_alive', 5)
  assert.equal(begin(lanes).length, 5)
  for (let app = 0; app < 10; app += 1) fill(lanes, `app_${app}`, MOST_PER_APP)
  begin(lanes)
  assert.equal(lanes.roomFor('app_newcomer'), 8)
})

test('what has waited too long is never begun, and is given back once', () => {
  const lanes = createLanes()
  const added = fill(lanes, 'app_a', MOST_PER_APP + 10)
  begin(lanes)
  lanes.leave('app_a', 1)
  assert.deepEqual(begin(lanes, LONGEST_WAIT + 1), [])
  assert.deepEqual(lanes.takeStale(LONGEST_WAIT), [])
  assert.deepEqual(lanes.takeStale(LONGEST_WAIT + 1), added.slice(MOST_PER_APP))
  assert.deepEqual(lanes.takeStale(LONGEST_WAIT + 1), [])
  assert.equal(lanes.waiting(), 0)
  assert.equal(lanes.roomFor('app_a'), 1, 'and it has to show its pace anew')
})

test('an app that turns deliveries away is sent none of those that were claimed ahead', () => {
  const lanes = createLanes()
  const added = fill(lanes, 'app_a', MOST_PER_APP + 10)
  begin(lanes)
  lanes.leave('app_a', 1)
  lanes.close('app_a')
  assert.deepEqual(begin(lanes), [])
  assert.deepEqual(lanes.takeStale(0), added.slice(MOST_PER_APP))
  assert.equal(lanes.roomFor('app_a'), 0, 'until that is written down')
  const late = claimed('app_a')
  lanes.reopen('app_a', 6)
  assert.equal(lanes.roomFor('app_a'), 1)
  lanes.add(late, 6)
  assert.deepEqual([begin(lanes), lanes.takeStale(6)], [[], [late]], 'its claim had begun before')
  fill(lanes, 'app_a', 1, 7)
  assert.equal(begin(lanes, 7).length, 1)
})

test('a stop gives back all that waits', () => {
  const lanes = createLanes()
  const added = fill(lanes, 'app_a', MOST_PER_APP + 10)
  begin(lanes)
  assert.deepEqual(lanes.takeStale(0, true), added.slice(MOST_PER_APP))
})

test('what waits of an installation of which something was cancelled is given back, and nothing else', () => {
  const lanes = createLanes()
  fill(lanes, 'app_a', MOST_PER_APP)
  begin(lanes)
  const [first, second] = fill(lanes, 'app_a', 2)
  assert.ok(first && second)
  second.delivery.installation_id = 'ins_cancelled'
  lanes.doubt('ins_cancelled')
  assert.deepEqual(lanes.takeStale(0), [second])
  lanes.doubt()
  assert.deepEqual(lanes.takeStale(0), [first])
})
