import { setTimeout as delay } from 'node:timers/promises'

const LIMIT = 30_000

/** Polls until `isTrue`. Throws after half a minute. */
export async function eventually(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + LIMIT
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`it does not come true in ${LIMIT / 1_000} s: ${isTrue}`)
    await delay(5)
  }
}
