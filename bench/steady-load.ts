/** Calls by kind, with the rate of each. */
export type Load<Kind extends string> = Record<Kind, { perSecond: number; call: () => Promise<unknown> }>

/** The duration of each call, in milliseconds. */
export type Times<Kind extends string> = Record<Kind, number[]>

/** Calls each kind at its own rate for a time, regardless of response times; resolves after the last response. */
export async function callSteadily<Kind extends string>(load: Load<Kind>, milliseconds: number): Promise<Times<Kind>> {
  const began = performance.now()
  const lanes = (Object.keys(load) as Kind[]).map(async kind => {
    const times: number[] = []
    const underWay: Promise<void>[] = []
    const { perSecond, call } = load[kind]
    for (let at = 0; at < milliseconds; at += 1_000 / perSecond) {
      await new Promise(resolve => setTimeout(resolve, Math.max(0, began + at - performance.now())))
      const sent = performance.now()
      underWay.push(call().then(() => void times.push(performance.now() - sent)))
    }
    await Promise.all(underWay)
    return [kind, times] as const
  })
  return Object.fromEntries(await Promise.all(lanes)) as Times<Kind>
}
