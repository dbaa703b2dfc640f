const BEAT = 'beat:'

/** Notifications that a process sends to itself and waits for (beats). */
export type Beats = {
  /** Registers a beat sent at `now` and returns its name. */
  send(now: number): string
  isOnItsWay(name: string): boolean
  /** When a received beat was sent; earlier ones no longer count. Undefined if it is not awaited. */
  cameBack(name: string): number | undefined
  forget(): void
}

export const isBeat = (said: string): boolean => said.startsWith(BEAT)

export function createBeats(): Beats {
  const sentAt = new Map<string, number>()
  let count = 0
  return {
    send(now) {
      count += 1
      const name = `${BEAT}${count}`
      sentAt.set(name, now)
      return name
    },
    isOnItsWay: name => sentAt.has(name),
    cameBack(name) {
      const at = sentAt.get(name)
      for (const earlier of sentAt.keys()) {
        sentAt.delete(earlier)
        if (earlier === name) break
      }
      return at
    },
    forget: () => sentAt.clear(),
  }
}
