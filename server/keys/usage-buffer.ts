import { HOUR } from '../base/clock.ts'

/** A name and its latest time. */
export type Seen = { name: string; at: number }

/** The use of one key since the last batch. */
export type Use = {
  keyId: string
  lastAt: number
  /** The start of the latest hour with calls, and their number. */
  hour: number
  calls: number
  /** Calls of other hours. */
  earlier: Map<number, number> | undefined
  addresses: Seen[]
  /** The empty name counts calls that named no permission. */
  permissions: Seen[]
}

/** The size of the buffer. Beyond `detailed` keys the older ones keep only their counts, beyond `counted` nothing. */
export type Bounds = { detailed: number; counted: number; names: number }

const BOUNDS: Bounds = { detailed: 20_000, counted: 200_000, names: 20 }

export type UsageBuffer = {
  /** Allocates nothing for a key, address and permission that it has seen since the last batch. */
  note(keyId: string, at: number, address: string | undefined, permission: string | undefined): void
  /** Number of keys in it. */
  size(): number
  /** Removes and returns what is `due`, by key id, and what did not fit; keeps the rest. */
  take(due?: (keyId: string) => boolean): { uses: Use[]; undetailedKeys: number; lostCalls: number }
  /** Takes back what could not be written. */
  putBack(uses: readonly Use[]): void
}

/** Counts the use of keys between two batches, within bounds for any number of keys and addresses. */
export function createUsageBuffer(bounds: Bounds = BOUNDS): UsageBuffer {
  let detailed = new Map<string, Use>()
  let counted = new Map<string, Use>()
  let [undetailedKeys, lostCalls] = [0, 0]

  function add(use: Use): Use {
    if (detailed.size >= bounds.detailed) {
      for (const older of detailed.values()) count(older)
      detailed = new Map()
    }
    detailed.set(use.keyId, use)
    return use
  }

  function count(use: Use): void {
    undetailedKeys += 1
    const known = counted.get(use.keyId)
    if (known) addCounts(known, use)
    else if (counted.size < bounds.counted) counted.set(use.keyId, { ...use, addresses: NONE, permissions: NONE })
    else lostCalls += hoursOf(use).reduce((sum, [, calls]) => sum + calls, 0)
  }

  return {
    note(keyId, at, address, permission = '') {
      const use = detailed.get(keyId) ?? add(newUse(keyId, at))
      if (at > use.lastAt) use.lastAt = at
      if (at >= use.hour && at < use.hour + HOUR) use.calls += 1
      else addCalls(use, hourOf(at), 1)
      see(use.permissions, permission, at, bounds.names)
      if (address !== undefined) see(use.addresses, address, at, bounds.names)
    },
    size: () => detailed.size + counted.size,
    take(due = () => true) {
      const rest = [...counted.values()].filter(use => {
        const known = detailed.get(use.keyId)
        if (known) addCounts(known, use)
        return !known
      })
      const now = [...detailed.values()].filter(use => due(use.keyId))
      const uses = [...now, ...rest].sort((one, other) => (one.keyId < other.keyId ? -1 : 1))
      const taken = { uses, undetailedKeys, lostCalls }
      if (now.length === detailed.size) detailed = new Map()
      else for (const { keyId } of now) detailed.delete(keyId)
      counted = new Map()
      undetailedKeys = lostCalls = 0
      return taken
    },
    putBack(uses) {
      for (const use of uses) {
        const known = detailed.get(use.keyId)
        if (known) {
          addCounts(known, use)
          for (const { name, at } of use.addresses) see(known.addresses, name, at, bounds.names)
          for (const { name, at } of use.permissions) see(known.permissions, name, at, bounds.names)
        } else if (detailed.size < bounds.detailed) detailed.set(use.keyId, use)
        else count(use) // it is older than the newer counts
      }
    },
  }
}

/** Calls by the beginning of their hour. */
export function hoursOf({ hour, calls, earlier }: Pick<Use, 'hour' | 'calls' | 'earlier'>): [number, number][] {
  return [[hour, calls] as [number, number], ...(earlier ?? [])].filter(entry => entry[1] > 0)
}

const NONE: Seen[] = []

const hourOf = (at: number): number => at - (at % HOUR)

function newUse(keyId: string, at: number): Use {
  return { keyId, lastAt: at, hour: hourOf(at), calls: 0, earlier: undefined, addresses: [], permissions: [] }
}

/** A few names are found faster by scanning than by hashing a string that was just parsed. */
function see(seen: Seen[], name: string, at: number, most: number): void {
  for (const entry of seen) {
    if (entry.name !== name) continue
    if (at > entry.at) entry.at = at
    return
  }
  if (seen.length < most) seen.push({ name, at })
}

/** The clock may also be set back to an earlier hour. */
function addCalls(use: Use, hour: number, calls: number): void {
  if (hour === use.hour) {
    use.calls += calls
    return
  }
  use.earlier ??= new Map()
  if (hour < use.hour) {
    use.earlier.set(hour, (use.earlier.get(hour) ?? 0) + calls)
    return
  }
  use.earlier.set(use.hour, (use.earlier.get(use.hour) ?? 0) + use.calls)
  use.hour = hour
  use.calls = calls
}

function addCounts(to: Use, from: Use): void {
  to.lastAt = Math.max(to.lastAt, from.lastAt)
  for (const [hour, calls] of hoursOf(from)) addCalls(to, hour, calls)
}
