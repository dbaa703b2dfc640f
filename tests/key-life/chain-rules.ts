import assert from 'node:assert/strict'
import type { Seen, ShownKey } from './chain-setting.ts'

type Keys = ReadonlyMap<string, Seen>

/** The invariants that hold after every act. */
export function checkAgreement(keys: Keys, before: Keys, now: number): void {
  for (const [id, seen] of keys) {
    const context = `${id} ${JSON.stringify(seen)}`
    checkShownAndJudged(seen, now, context)
    checkPage(seen, context)
    checkTold(seen, keys, context)
    checkEnd(seen, keys, context)
    const earlier = before.get(id)
    if (earlier) checkNeverBack(seen, earlier, context)
  }
  for (const id of before.keys()) assert.ok(keys.has(id), `${id} is still listed`)
}

function checkShownAndJudged({ shown, verdict, suspended }: Seen, now: number, context: string): void {
  const end = shown.expires_at === null ? null : Date.parse(shown.expires_at)
  if (shown.status === 'active') assert.equal(end, null, `active without an end: ${context}`)
  else if (shown.status === 'expiring') assert.ok(end !== null && end > now, `expiring in the future: ${context}`)
  else assert.ok(end !== null && end <= now, `expired in the past: ${context}`)
  const expected = shown.status === 'expired' ? 'expired' : suspended ? 'suspended' : shown.frozen ? 'frozen' : 'valid'
  assert.equal(verdict.valid ? 'valid' : verdict.code, expected, `judged as shown: ${context}`)
  if (verdict.valid) assert.equal(verdict.expires_at, shown.expires_at, `the same end: ${context}`)
}

function checkPage({ page, verdict, kept, shown }: Seen, context: string): void {
  const words: Record<string, string[]> = {
    expired: ['Expired'],
    suspended: shown.frozen ? ['Frozen'] : ['Suspended'],
    frozen: ['Frozen'],
    valid: kept ? ['Kept'] : ['Active', 'Expiring', 'On its way', 'Being replaced', 'Rotation stuck'],
  }
  const code = verdict.valid ? 'valid' : (verdict.code ?? '')
  assert.ok(words[code]?.includes(page), `the page agrees with verification: ${context}`)
  if (page === 'Active' || page === 'On its way') assert.notEqual(shown.status, 'expired', context)
  if (page === 'Expiring') assert.equal(shown.status, 'expiring', `the page: ${context}`)
}

function successorsOf(id: string, keys: Keys): ShownKey[] {
  return [...keys.values()].flatMap(({ shown }) => (shown.replaces === id ? [shown] : []))
}

/** The undelivered working keys and the delivered keys among the successors of a key. */
function chainOf(id: string, keys: Keys): { onTheirWay: ShownKey[]; arrived: ShownKey[] } {
  const found = { onTheirWay: [] as ShownKey[], arrived: [] as ShownKey[] }
  for (const next of successorsOf(id, keys)) {
    if (next.delivered_at !== null) found.arrived.push(next)
    else if (next.status !== 'expired') found.onTheirWay.push(next)
    if (next.delivered_at !== null) continue
    const further = chainOf(next.id, keys)
    found.onTheirWay.push(...further.onTheirWay)
    found.arrived.push(...further.arrived)
  }
  return found
}

/**
 * The last event about a key states its current end, with one exception: the event of a new key states the end that its
 * delivery will bring.
 */
function checkTold({ told, shown, kept, untold }: Seen, keys: Keys, context: string): void {
  assert.notEqual(told, undefined, `an event names the key: ${context}`)
  if (told === shown.expires_at || untold) return
  if (kept && shown.status !== 'expired' && shown.frozen) return // a frozen kept key has no event until the freeze ends it
  const frozenTillItsEnd = kept && shown.status === 'expired' && shown.frozen && told === null
  if (frozenTillItsEnd) return // upkeep sends the event of its end
  assert.ok(chainOf(shown.id, keys).onTheirWay.length > 0, `the event agrees with the list: ${context}`)
}

function checkEnd({ shown, kept, page }: Seen, keys: Keys, context: string): void {
  const { onTheirWay, arrived } = chainOf(shown.id, keys)
  if (shown.status === 'expired' || successorsOf(shown.id, keys).length === 0) return
  if (arrived.length > 0) assert.equal(shown.status, 'expiring', `a replaced key has an end: ${context}`)
  else if (page !== 'Frozen' && page !== 'Suspended' && !kept)
    assert.equal(
      page,
      onTheirWay.length > 0 ? 'Being replaced' : 'Rotation stuck',
      `the state of the rotation: ${context}`,
    )
}

function checkNeverBack({ shown }: Seen, before: Seen, context: string): void {
  const was = before.shown
  if (was.status === 'expired') {
    assert.equal(shown.status, 'expired', `an expired key stays expired: ${context}`)
    assert.equal(shown.expires_at, was.expires_at, `the end of an expired key is fixed: ${context}`)
  }
  if (was.status !== 'expiring' || was.frozen) return
  assert.notEqual(shown.status, 'active', `an expiring key never becomes active: ${context}`)
  assert.ok(String(shown.expires_at) <= String(was.expires_at), `a deadline never moves out: ${context}`)
}
