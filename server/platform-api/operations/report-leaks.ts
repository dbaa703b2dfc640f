import { setImmediate as answered } from 'node:timers/promises'
import { z } from 'zod'
import { type Access, operation } from '../../http/operation.ts'
import { clientAddress, networkOfClient } from '../../http/request.ts'
import { dealWithLeakReport, takeLeakReport } from '../../key-life/take-leak-report.ts'
import type { ApiCaps } from '../api-caps.ts'

const LeakReport = z.strictObject({
  tokens: z
    .array(z.string().max(1_000, 'must have 1000 characters or fewer'))
    .min(1, 'must contain 1 to 50 tokens')
    .max(50, 'must contain 1 to 50 tokens'),
})

const anyone: Access<ApiCaps, { address: string }> = {
  errors: ['request.rate_limited'],
  async admit({ limits }, req) {
    await limits.spend(['leaks', networkOfClient(req)])
    return { address: clientAddress(req) }
  },
}

/**
 * The response is the same for every token and does not depend on whether any of them is real, so that it reveals nothing. The
 * report is stored before the response; the tokens are looked up after it.
 */
export const reportLeaks = operation({
  method: 'post',
  path: '/v1/leaks',
  access: anyone,
  tag: 'Leaks',
  id: 'reportLeaks',
  summary: 'Report leaked keys; the response is the same for every token',
  body: LeakReport,
  example: { tokens: ['lkm_live_…'] },
  answers: { 202: z.object({ received: z.int() }) },
  errors: [],
  async handle({ caps, caller: { address }, body: { tokens } }) {
    const report = await takeLeakReport(caps, tokens, address)
    const dealt = answered().then(() => dealWithLeakReport(caps, report))
    caps.afterwards(
      dealt.catch(error => caps.log.error({ err: error }, 'a leak report could not be processed; it is retried later')),
    )
    return { received: tokens.length }
  },
})
