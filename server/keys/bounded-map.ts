/** A map of bounded size that keeps the most recently used entries. */
export type BoundedMap<Value> = {
  /** Returns a value and keeps it longer than unused ones. */
  use(id: string): Value | undefined
  /** The same, without counting as a use. */
  peek(id: string): Value | undefined
  set(id: string, value: Value): void
  delete(id: string): void
  deleteWhere(gone: (value: Value) => boolean): void
  clear(): void
  size(): number
}

/**
 * A map in two halves: a used entry moves to the young half, and when that is full the old half is dropped as a whole,
 * so that a use costs one lookup and the size stays bounded.
 */
export function createBoundedMap<Value>(most: number): BoundedMap<Value> {
  const half = Math.ceil(most / 2)
  let young = new Map<string, Value>()
  let old = new Map<string, Value>()

  function set(id: string, value: Value): void {
    if (young.size >= half) {
      old = young
      young = new Map()
    }
    young.set(id, value)
  }

  return {
    set,
    use(id) {
      const known = young.get(id)
      if (known !== undefined) return known
      const value = old.get(id)
      if (value === undefined) return undefined
      old.delete(id)
      set(id, value)
      return value
    },
    peek: id => young.get(id) ?? old.get(id),
    delete(id) {
      young.delete(id)
      old.delete(id)
    },
    deleteWhere(gone) {
      for (const values of [young, old]) {
        for (const [id, value] of values) if (gone(value)) values.delete(id)
      }
    },
    clear() {
      young = new Map()
      old = new Map()
    },
    size: () => young.size + old.size,
  }
}
