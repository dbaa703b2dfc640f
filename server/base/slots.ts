/** Runs at most `most` tasks at once; the others wait in the order of arrival. */
export type Slots = {
  /** Rejects with `TimeoutError` (DOMException) if no slot is free within `patience` milliseconds. */
  take<Result>(work: () => Promise<Result>, patience: number): Promise<Result>
}

export function createSlots(most: number): Slots {
  let taken = 0
  const waiting = new Set<() => void>()

  async function acquire(patience: number): Promise<void> {
    if (taken < most) {
      taken += 1
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      waiting.delete(resolve)
      reject(new DOMException('no slot was free in time', 'TimeoutError'))
    }, patience)
    waiting.add(resolve)
    await promise
    clearTimeout(timer)
  }

  /** Passes the slot to the next in line, or frees it. */
  function release(): void {
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
      await acquire(patience)
      try {
        return await work()
      } finally {
        release()
      }
    },
  }
}
