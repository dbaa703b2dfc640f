export type SparkModel = { label: string; bars: { x: number; y: number; height: number; none: boolean }[] }

const HEIGHT = 24
const STEP = 12
/** The smallest scale, so that one call does not fill it. */
const LEAST_SCALE = 8

/** Calls per day as bars, oldest first, with the numbers as text for screen readers. */
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
