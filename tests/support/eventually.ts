import { setTimeout as pause } from 'node:timers/promises'

const LIMIT = 30_000

/** Looks again and again, without a guess how long it takes, until `holds`. Throws after half a minute. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it does not come true in ${LIMIT / 1_000} s: ${holds}`)
    await pause(5)
  }
}
