import type { TestEvent } from 'node:test/reporters'

const SHOWN = 10

/** A reporter of `node --test` that lists the slowest files, in seconds. */
export default async function* slowestFiles(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const files: { file: string; seconds: number }[] = []
  for await (const { type, data } of source)
    if ((type === 'test:pass' || type === 'test:fail') && data.nesting === 0 && data.name.endsWith('.test.ts'))
      files.push({ file: data.name, seconds: data.details.duration_ms / 1_000 })
  const slowest = files.sort((one, other) => other.seconds - one.seconds).slice(0, SHOWN)
  if (slowest.length === 0) return
  yield 'Slowest files, seconds:\n'
  for (const { file, seconds } of slowest) yield `${seconds.toFixed(1).padStart(7)}  ${file}\n`
}
