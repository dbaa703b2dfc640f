import { createHash, timingSafeEqual } from 'node:crypto'
import { type Request, Router } from 'express'
import { AppError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Config } from '../config.ts'
import type { MetricSources, Metrics } from './metrics.ts'
import { respondProblem } from './respond-error.ts'

type MetricsCaps = {
  config: Config
  metrics: Metrics
  metricSources: MetricSources
  log: Log
}

/** Prometheus text for callers with METRICS_TOKEN; without one, for this machine only (docs/limits.md#connections). */
export function metricsRoutes({ config, metrics, metricSources, log }: MetricsCaps): Router {
  const router = Router()
  router.get('/metrics', async (req, res) => {
    if (config.metricsToken === undefined) {
      if (!isFromHere(req)) throw new AppError('object.not_found')
    } else if (!isToken(req.headers.authorization, config.metricsToken)) throw new AppError('access.unauthorized')
    const text = await metrics.text(metricSources)
    res.set({ 'Content-Type': metrics.contentType, 'Cache-Control': 'no-store' }).send(text)
  })
  router.use('/metrics', respondProblem(log))
  return router
}

/** A proxy on this machine forwards others: its requests are not from here. */
function isFromHere({ socket, headers }: Request): boolean {
  const address = socket.remoteAddress ?? ''
  const passedOn = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some(name => headers[name] !== undefined)
  return !passedOn && isOwnName(headers.host) && (address === '::1' || /^(?:::ffff:)?127\./.test(address))
}

/** A foreign page may make its own name resolve to this machine (DNS rebinding); the browser still sends that name. */
function isOwnName(host: string | undefined): boolean {
  return host === undefined || /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i.test(host)
}

function isToken(header: string | undefined, token: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(header ?? ''), hash(`Bearer ${token}`))
}
