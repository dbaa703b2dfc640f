import express, { Router } from 'express'
import type { Deps } from '../deps.ts'
import { parseInput } from '../http/parse.ts'
import { respondProblem } from '../http/respond-error.ts'
import { clientAddress, networkOfClient } from '../http/session.ts'
import { reportLeak } from '../installs/report-leak.ts'
import { LeakReport } from './leak-report.ts'

/**
 * `POST /v1/leaks`: anyone may say that they have found a key. The answer is the same for every token, and it is given
 * before any of them is looked at, so that nobody learns here which are real.
 */
export function leaksRoutes(deps: Deps): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.post('/v1/leaks', express.json({ limit: '64kb' }), async (req, res) => {
    const ip = clientAddress(req)
    await deps.limits.spend(['leaks', networkOfClient(req)])
    const { tokens } = parseInput(LeakReport, req.body)
    res.status(202).json({ received: tokens.length })
    deps.afterwards(respond(tokens, ip))
  })
  router.use('/v1/leaks', respondProblem(deps.log))

  async function respond(tokens: readonly string[], ip: string): Promise<void> {
    for (const token of new Set(tokens)) {
      await reportLeak(deps, token, ip).catch(error =>
        deps.log.error({ err: error }, 'a leak report could not be dealt with'),
      )
    }
  }

  return router
}
