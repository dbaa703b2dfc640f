/** Runs at most so many pieces of work at once; the others wait in the order in which they came. */
export type Places = {
  /** Rejects with `TimeoutError` (DOMException) where no place is free within `patience` milliseconds. */
  take<Result>(work: () => Promise<Result>, patience: number): Promise<Result>
}

export function createPlaces(most: number): Places {
  let taken = 0
  const waiting = new Set<() => void>()

  async function place(patience: number): Promise<void> {
    if (taken < most) {
      taken += 1
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      waiting.delete(resolve)
      reject(new DOMException('no place was free in time', 'TimeoutError'))
    }, patience)
    waiting.add(resolve)
    await promise
    clearTimeout(timer)
  }

  /** The place goes to the next in line, or is free. */
  function leave(): void {
    const [next] = waiting
    if (!next) {
      taken -= 1
      return
    }
    waiting.delete(next)
    next()
  }

  return {
    async take(work, patience) {
      await place(patience)
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
