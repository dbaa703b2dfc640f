/** A sleep that can be ended early. */
export type Nap = {
  /** Resolves after `ms` milliseconds, or as soon as it is woken. */
  rest(ms: number): Promise<void>
  ring(): void
}

export function createNap(): Nap {
  let ring: (() => void) | undefined
  return {
    rest: ms =>
      new Promise(resolve => {
        const timer = setTimeout(() => ring?.(), ms)
        ring = () => {
          clearTimeout(timer)
          ring = undefined
          resolve()
        }
      }),
    ring: () => ring?.(),
  }
}
