/** Work that continues after the response that started it. */
export type UnderWay = {
  /** Tracks the work until it ends. It must not reject. */
  add(work: Promise<void>): void
  /** Waits for the work in progress. */
  settled(): Promise<void>
}

/** Tracks unawaited work, so that a shutdown can wait for it. */
export function createUnderWay(): UnderWay {
  const works = new Set<Promise<void>>()
  return {
    add(work) {
      works.add(work)
      void work.finally(() => works.delete(work))
    },
    settled: async () => void (await Promise.all(works)),
  }
}
