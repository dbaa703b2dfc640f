const BEAT = 'beat:'

/** Notifications that a process sends to itself and waits for. */
export type Beats = {
  /** The name of a new one, sent at `now`. */
  send(now: number): string
  isOnItsWay(name: string): boolean
  /** When a beat that came back was sent, which settles earlier ones too; undefined if it is not awaited. */
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
