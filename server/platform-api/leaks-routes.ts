import { Router } from 'express'
import type { Deps } from '../deps.ts'
import { jsonBody, parseInput } from '../http/parse.ts'
import { clientAddress, networkOfClient } from '../http/request.ts'
import { respondProblem } from '../http/respond-error.ts'
import { dealWithLeakReport, takeLeakReport } from '../key-life/take-leak-report.ts'
import { LeakReport } from './leak-report.ts'

/**
 * `POST /v1/leaks`: anyone may say that they have found a key. The answer is the same for every token, and it is given
 * before any of them is looked at, so that nobody learns here which are real; but not before the report is kept.
 */
export function leaksRoutes(deps: Deps): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.post('/v1/leaks', ...jsonBody, async (req, res) => {
    const ip = clientAddress(req)
    await deps.limits.spend(['leaks', networkOfClient(req)])
    const { tokens } = parseInput(LeakReport, req.body)
    const report = await takeLeakReport(deps, tokens, ip)
    res.status(202).json({ received: tokens.length })
    const dealt = dealWithLeakReport(deps, report)
    deps.afterwards(dealt.catch(error => deps.log.error({ err: error }, 'a leak report waits: it is dealt with later')))
  })
  router.use('/v1/leaks', respondProblem(deps.log))

  return router
}
