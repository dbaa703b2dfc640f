import { createBoundedMap } from './bounded-map.ts'

/** The most changed groups that are remembered before all copies are scanned. */
const MOST_CHANGED = 10_000

/** The groups of a record, with unique names; null: no group of that kind. */
export type Groups<Found> = readonly ((record: Found) => string | null)[]

/** Copies of records, without changed ones. */
export type RecordCopies<Found> = {
  find(id: string): Found | undefined
  keep(id: string, found: Found): void
  forget(id: string): void
  /** The cost does not depend on the number of copies. */
  forgetGroup(group: string): void
  forgetAll(): void
  size(): number
}

/** A record, and the number of group changes when it was copied. */
type Copy<Found> = { found: Found; keptAt: number }

/** Keeps `most` copies. A changed group is recorded; its copies are dropped when they are looked up. */
export function createRecordCopies<Found>(most: number, groups: Groups<Found>): RecordCopies<Found> {
  const copies = createBoundedMap<Copy<Found>>(most)
  let changes = 0
  const changedAt = new Map<string, number>()

  function isOutdated({ found, keptAt }: Copy<Found>): boolean {
    if (keptAt === changes || changedAt.size === 0) return false
    for (const groupOf of groups) {
      const group = groupOf(found)
      if (group !== null && (changedAt.get(group) ?? 0) > keptAt) return true
    }
    return false
  }

  function dropOutdated(): void {
    copies.deleteWhere(isOutdated)
    changedAt.clear()
  }

  return {
    find(id) {
      const copy = copies.use(id)
      if (copy === undefined) return undefined
      if (!isOutdated(copy)) return copy.found
      copies.delete(id)
      return undefined
    },
    keep: (id, found) => copies.set(id, { found, keptAt: changes }),
    forget: copies.delete,
    forgetGroup(group) {
      changes += 1
      changedAt.set(group, changes)
      if (changedAt.size > MOST_CHANGED) dropOutdated()
    },
    forgetAll() {
      copies.clear()
      changedAt.clear()
    },
    size() {
      dropOutdated()
      return copies.size()
    },
  }
}
