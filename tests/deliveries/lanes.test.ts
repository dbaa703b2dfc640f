import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClaimedDelivery } from '../../server/deliveries/claim-store.ts'
import { type Claimed, LONGEST_WAIT, MOST_PER_APP, QUICK_MS } from '../../server/deliveries/lane.ts'
import { createLanes, type Lanes } from '../../server/deliveries/lanes.ts'

const claimed = (appId: string, at = 0, slow = false): Claimed => {
  const delivery: Partial<ClaimedDelivery> = { id: crypto.randomUUID(), app_id: appId, slow }
  return { delivery: delivery as ClaimedDelivery, app: undefined, at, until: at + 25_000 }
}

function fill(lanes: Lanes, appId: string, count: number, at = 0, slow = false): Claimed[] {
  const added = Array.from({ length: count }, () => claimed(appId, at, slow))
  for (const each of added) lanes.add(each, at)
  return added
}

function leave(lanes: Lanes, claimed: Claimed | undefined, answerMs: number, at = 0): void {
  assert.ok(claimed)
  lanes.leave(claimed, answerMs, at)
}

/** Begins every delivery that gets a slot. */
function begin(lanes: Lanes, at = 0): Claimed[] {
  const begun: Claimed[] = []
  for (let next = lanes.next(at); next; next = lanes.next(at)) begun.push(next)
  return begun
}

test('nothing is claimed ahead for an app that has not responded yet', () => {
  const lanes = createLanes()
  assert.equal(lanes.roomFor('app_a'), MOST_PER_APP)
  fill(lanes, 'app_a', MOST_PER_APP)
  assert.equal(begin(lanes).length, MOST_PER_APP)
  assert.equal(lanes.roomFor('app_a'), 0)
  assert.deepEqual(lanes.full(), [{ appId: 'app_a', slow: false }])
})

test('the faster an app responds, the more is claimed ahead for it; one that takes seconds gets its slots only', () => {
  const aheadAt = (answerMs: number) => {
    const lanes = createLanes()
    const [one] = fill(lanes, 'app_a', 1)
    begin(lanes)
    leave(lanes, one, answerMs)
    return lanes.roomFor('app_a') - MOST_PER_APP
  }
  assert.equal(aheadAt(0), 480)
  assert.equal(aheadAt(5), 480)
  assert.equal(aheadAt(100), 64)
  assert.equal(aheadAt(15_000), 0)
})

test('posts of one app never exceed its slots, whatever waits, and are sent in order', () => {
  const lanes = createLanes()
  const added = fill(lanes, 'app_a', 100)
  assert.deepEqual(begin(lanes), added.slice(0, MOST_PER_APP))
  leave(lanes, added[0], 1)
  assert.deepEqual(begin(lanes), added.slice(MOST_PER_APP, MOST_PER_APP + 1))
  assert.deepEqual([lanes.posting(), lanes.waiting().length], [MOST_PER_APP, 100 - MOST_PER_APP - 1])
})

test('no more is claimed while half of what was claimed ahead still waits', () => {
  const lanes = createLanes()
  const [first] = fill(lanes, 'app_a', 1)
  begin(lanes)
  leave(lanes, first, 100) // its pace allows 64 ahead
  const added = fill(lanes, 'app_a', MOST_PER_APP + 64)
  begin(lanes)
  assert.equal(lanes.roomFor('app_a'), 0)
  for (const each of added.slice(0, 31)) leave(lanes, each, 100)
  begin(lanes)
  assert.equal(lanes.roomFor('app_a'), 0)
  leave(lanes, added[31], 100)
  begin(lanes)
  assert.equal(lanes.roomFor('app_a'), 32)
})

test('other apps have slots while one app hangs; with many apps each has few', () => {
  const lanes = createLanes()
  fill(lanes, 'app_dead', 300)
  begin(lanes)
  fill(lanes, 'app_alive', 5)
  assert.equal(begin(lanes).length, 5)
  for (let app = 0; app < 10; app += 1) fill(lanes, `app_${app}`, MOST_PER_APP)
  begin(lanes)
  assert.equal(lanes.roomFor('app_newcomer'), 8)
})

test('a delivery that has waited too long is never begun, and is given back once', () => {
  const lanes = createLanes()
  const added = fill(lanes, 'app_a', MOST_PER_APP + 10)
  begin(lanes)
  leave(lanes, added[0], 1)
  assert.deepEqual(begin(lanes, LONGEST_WAIT + 1), [])
  assert.deepEqual(lanes.takeStale(LONGEST_WAIT), [])
  assert.deepEqual(lanes.takeStale(LONGEST_WAIT + 1), added.slice(MOST_PER_APP))
  assert.deepEqual(lanes.takeStale(LONGEST_WAIT + 1), [])
  assert.deepEqual(lanes.waiting(), [])
  assert.equal(lanes.roomFor('app_a'), 1, 'its pace starts again at one')
})

test('deliveries claimed ahead for an app that refuses deliveries are not sent', () => {
  const lanes = createLanes()
  const added = fill(lanes, 'app_a', MOST_PER_APP + 10)
  begin(lanes)
  leave(lanes, added[0], 1)
  lanes.close('app_a')
  assert.deepEqual(begin(lanes), [])
  assert.deepEqual(lanes.takeStale(0), added.slice(MOST_PER_APP))
  assert.equal(lanes.roomFor('app_a'), 0, 'until the refusal is recorded')
  const late = claimed('app_a')
  lanes.reopen('app_a', 6)
  assert.equal(lanes.roomFor('app_a'), 1)
  lanes.add(late, 6)
  assert.deepEqual([begin(lanes), lanes.takeStale(6)], [[], [late]], 'claimed before the app was reopened')
  fill(lanes, 'app_a', 1, 7)
  assert.equal(begin(lanes, 7).length, 1)
})

test('a stop gives back everything that waits', () => {
  const lanes = createLanes()
  const added = fill(lanes, 'app_a', MOST_PER_APP + 10)
  begin(lanes)
  assert.deepEqual(lanes.takeStale(0, true), added.slice(MOST_PER_APP))
})

test('a cancellation gives back the waiting deliveries of its installation, and nothing else', () => {
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

test('a slow post frees its slot for a quick one of its app', () => {
  const lanes = createLanes()
  const [hanging, healthy] = [fill(lanes, 'app_a', 36), fill(lanes, 'app_a', 1)]
  assert.equal(lanes.slowIn(0), undefined)
  assert.equal(begin(lanes).length, MOST_PER_APP)
  assert.deepEqual([lanes.slowIn(0), lanes.turnSlow(QUICK_MS - 1)], [QUICK_MS, 0])
  assert.equal(lanes.turnSlow(QUICK_MS), MOST_PER_APP)
  assert.deepEqual(begin(lanes, QUICK_MS), [...hanging.slice(MOST_PER_APP), ...healthy])
  assert.equal(lanes.roomFor('app_a'), MOST_PER_APP - 5)
})

test('the number of hanging posts is limited to twice the slots if nothing responds, and is higher if something does', () => {
  const hangingAt = (answerMs?: number) => {
    const lanes = createLanes()
    for (let round = 0; round < 6; round += 1) {
      const at = round * QUICK_MS
      lanes.turnSlow(at)
      const [answered] = fill(lanes, 'app_a', MOST_PER_APP, at)
      begin(lanes, at)
      if (answerMs !== undefined && round === 0) leave(lanes, answered, answerMs, at)
    }
    return lanes.posting()
  }
  assert.deepEqual([hangingAt(), hangingAt(1), hangingAt(15_000)], [64, 128, 64])
})

test('a delivery that was slow before takes no quick slot, and leaves slow slots to posts that become slow', () => {
  const lanes = createLanes()
  assert.equal(lanes.roomFor('app_a', true), 16)
  fill(lanes, 'app_a', 20, 0, true)
  assert.equal(begin(lanes).length, 16)
  assert.deepEqual([lanes.roomFor('app_a', true), lanes.roomFor('app_a')], [0, MOST_PER_APP])
  const quick = fill(lanes, 'app_a', MOST_PER_APP)
  assert.deepEqual(begin(lanes), quick)
  assert.equal(lanes.turnSlow(QUICK_MS), 16)
  assert.equal(lanes.roomFor('app_a'), 16)
})

test('a post that found no slow slot takes the next free one', () => {
  const lanes = createLanes()
  const first = fill(lanes, 'app_a', MOST_PER_APP)
  begin(lanes)
  lanes.turnSlow(QUICK_MS)
  fill(lanes, 'app_a', MOST_PER_APP, QUICK_MS)
  begin(lanes, QUICK_MS)
  assert.equal(lanes.turnSlow(2 * QUICK_MS), 0)
  assert.deepEqual([lanes.roomFor('app_a'), lanes.slowIn(2 * QUICK_MS)], [0, undefined])
  leave(lanes, first[0], 15_000, 15_000)
  assert.equal(lanes.roomFor('app_a'), 1)
})
