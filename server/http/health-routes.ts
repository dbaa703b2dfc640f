import { type Response, Router } from 'express'
import type { Database } from '../../db/connect.ts'
import type { WriteProbe } from '../../db/write-probe.ts'
import { SECOND } from '../base/clock.ts'
import { AWAY_RETRY_SECONDS } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Pulses } from '../base/pulses.ts'
import { within } from '../base/within.ts'

type HealthCaps = {
  database: Database
  pulses: Pulses
  writeProbe: WriteProbe
  log: Log
}

/** How long the query of applied migrations may take, in milliseconds. */
const PATIENCE = 3 * SECOND

/** Liveness and readiness (docs/health.md). */
export function healthRoutes(deps: HealthCaps): Router {
  const router = Router()
  router.get('/healthz', (_req, res) => res.json({ status: 'ok' }))
  router.get('/readyz', async (_req, res) => {
    const fault = await findFault(deps)
    if (fault) return unavailable(deps, res, fault)
    const { pulses, database } = deps
    res.json({
      status: 'ok',
      writes: 'ok',
      worker: pulses.any() ? 'ok' : 'elsewhere',
      changes: database.changes.connected() ? 'heard' : 'not heard',
    })
  })
  return router
}

type Fault = { told: Record<string, unknown>; message: string; logged?: object }

/** The first reason why this process cannot do its part. */
async function findFault({ database, writeProbe, pulses }: HealthCaps): Promise<Fault | undefined> {
  const asked = database.pendingMigrations().catch(error => ({ error: error as unknown }))
  const pending = await within(asked, PATIENCE, () => ({ error: new Error(`no answer within ${PATIENCE} ms`) }))
  if (!Array.isArray(pending))
    return { told: { database: 'no answer' }, message: 'the database does not respond', logged: { err: pending.error } }
  if (pending.length > 0)
    return { told: { migrations: 'pending' }, message: 'migrations are pending', logged: { pending } }
  const error = await writeProbe.check()
  if (error) return { told: { writes: 'failed' }, message: 'a write failed', logged: { err: error } }
  const loops = pulses.ill()
  if (loops.length > 0) return { told: { worker: 'stuck', loops }, message: 'a loop is stuck', logged: { loops } }
  return undefined
}

function unavailable({ log }: HealthCaps, res: Response, { told, message, logged = {} }: Fault): void {
  log.warn(logged, `not ready: ${message}`)
  res
    .status(503)
    .set('Retry-After', String(AWAY_RETRY_SECONDS))
    .json({ status: 'unavailable', ...told })
}
