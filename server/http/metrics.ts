import type { RequestHandler } from 'express'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { realElapsed, SECOND } from '../base/clock.ts'
import { DatabaseAway } from '../base/errors.ts'
import { type Outbound, OutboundError } from '../base/outbound.ts'

/** Values that are collected when the metrics are read. */
export type MetricSources = {
  verifications(): Readonly<Record<string, number>>
  queue(): Promise<{ pending: number; oldestDueAt: number | undefined }>
  mails(): Promise<number>
  /** Whether this process receives the changes of others. */
  changesHeard(): boolean
  now(): number
}

export type Metrics = {
  /** Adds the process itself from the first reading on: memory, garbage, and the event loop, which wakes it 100 times a second. */
  watchProcess(): void
  watchRequests: RequestHandler
  /** The same calls, counted. */
  watched(outbound: Outbound): Outbound
  /** Counts deliveries that have ended. Call it after the commit: a transaction may be repeated. */
  ended(counts: { delivered: number; failed: number }): void
  /** Collects the values and returns the Prometheus text. */
  text(sources: MetricSources): Promise<string>
  contentType: string
}

/** First path segments that are counted separately; all others share one label. */
const AREAS = new Set([
  'oauth',
  '.well-known',
  'v1',
  'interaction',
  'marketplace',
  'apps',
  'keys',
  'activity',
  'platform',
])
const BUCKETS = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15]

type Instruments = ReturnType<typeof createInstruments>

function createInstruments(registry: Registry) {
  const registers = [registry]
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `latchkey_${name}`, help, labelNames, registers })
  const gauge = (name: string, help: string) => new Gauge({ name: `latchkey_${name}`, help, registers })
  const histogram = (name: string, help: string, labelNames: string[]) =>
    new Histogram({ name: `latchkey_${name}`, help, labelNames, buckets: BUCKETS, registers })
  return {
    verifications: counter('verifications_total', 'Verified keys by result.', ['result']),
    attempts: counter('delivery_attempts_total', 'Posts to platforms by outcome.', ['outcome']),
    posts: histogram('delivery_attempt_duration_seconds', 'How long platforms take to answer.', ['outcome']),
    deliveries: counter('deliveries_total', 'Deliveries that have ended, by status.', ['status']),
    pending: gauge('deliveries_pending', 'Deliveries that wait, of all processes; not counted beyond 50,000.'),
    age: gauge('delivery_queue_age_seconds', 'For how long the oldest delivery that is due has waited.'),
    mails: gauge('mails_pending', 'Mails that wait, of all processes; not counted beyond 50,000.'),
    requests: histogram('http_request_duration_seconds', 'Answered requests, without verifications.', [
      'method',
      'area',
      'status',
    ]),
    reachable: gauge('database_up', 'Whether the database answers this process: 1 or 0.'),
    heard: gauge(
      'changes_heard',
      'Whether this process hears what others commit: 1 or 0, and then it looks by itself.',
    ),
  }
}

/** Counts the work of this process; no metric names a person, a key or an address. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  const instruments = createInstruments(registry)
  const { attempts, posts, deliveries, requests } = instruments
  for (const status of ['delivered', 'failed']) deliveries.inc({ status }, 0)

  let watchOnceRead: (() => void) | undefined

  function attempted(outcome: string, start: number): void {
    attempts.inc({ outcome })
    posts.observe({ outcome }, (realElapsed() - start) / SECOND)
  }

  return {
    watchProcess: () => {
      watchOnceRead = () => collectDefaultMetrics({ register: registry })
    },
    watchRequests: (req, res, next) => {
      const start = realElapsed()
      const first = req.path.split('/')[1] ?? ''
      res.once('finish', () => {
        const labels = { method: req.method, area: AREAS.has(first) ? first : 'other', status: String(res.statusCode) }
        requests.observe(labels, (realElapsed() - start) / SECOND)
      })
      next()
    },
    watched: outbound => watchPosts(outbound, attempted),
    ended(counts) {
      for (const [status, count] of Object.entries(counts)) deliveries.inc({ status }, count)
    },
    async text(sources) {
      watchOnceRead?.()
      watchOnceRead = undefined
      await collect(instruments, sources)
      return await registry.metrics()
    },
    contentType: registry.contentType,
  }
}

function watchPosts(outbound: Outbound, attempted: (outcome: string, start: number) => void): Outbound {
  return {
    ...outbound,
    async post(url, headers, body) {
      const start = realElapsed()
      try {
        const answer = await outbound.post(url, headers, body)
        attempted(`${Math.floor(answer.status / 100)}xx`, start)
        return answer
      } catch (error) {
        attempted(error instanceof OutboundError ? error.fault : 'error', start)
        throw error
      }
    },
  }
}

/** Reads the values of the gauges; those from the database are absent while it does not respond. */
async function collect(instruments: Instruments, sources: MetricSources): Promise<void> {
  const { verifications, reachable, heard, pending, age, mails } = instruments
  const stored = await Promise.all([sources.queue(), sources.mails()]).catch(error => {
    if (error instanceof DatabaseAway) return undefined
    throw error
  })
  verifications.reset()
  for (const [result, count] of Object.entries(sources.verifications())) verifications.inc({ result }, count)
  reachable.set(stored ? 1 : 0)
  heard.set(sources.changesHeard() ? 1 : 0)
  if (stored) {
    const [queue, waiting] = stored
    pending.set(queue.pending)
    age.set(queue.oldestDueAt === undefined ? 0 : Math.max(0, sources.now() - queue.oldestDueAt) / SECOND)
    mails.set(waiting)
  } else for (const unknown of [pending, age, mails]) unknown.remove()
}
