export type SparkModel = { label: string; bars: { x: number; y: number; height: number; none: boolean }[] }

const HEIGHT = 24
const STEP = 12
/** The scale starts here, so that one call does not look like a flood. */
const LEAST_SCALE = 8

/** Calls per day as bars, the oldest first; a screen reader hears the numbers. */
export function sparkOf(calls: readonly number[]): SparkModel {
  const most = Math.max(LEAST_SCALE, ...calls)
  return {
    label: `Calls per day, last ${calls.length} days: ${calls.join(', ')}`,
    bars: calls.map((count, index) => {
      const height = count === 0 ? 2 : Math.max(3, Math.round((HEIGHT * count) / most))
      return { x: index * STEP, y: HEIGHT - height, height, none: count === 0 }
    }),
  }
}
