import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express'
import helmet from 'helmet'
import { connectLatchkey, keyOf } from 'latchkey/verify'
import { z } from 'zod'
import type { Config } from './config.ts'
import { addCharge, bookOf } from './ledger.ts'
import { sendProblem } from './problem.ts'

const newCharge = z.object({
  amount: z.int().min(1).max(99_999_999),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/)
    .default('EUR'),
  description: z.string().max(200).default(''),
})

const about = {
  name: 'Northwind Pay, the sample API',
  what: 'A resource server: every call under /v1 needs a key that Latchkey says is good.',
  calls: {
    'GET /v1/charges': 'charges:read',
    'POST /v1/charges': 'charges:write',
    'GET /v1/customers': 'customers:read',
    'GET /v1/payouts': 'payouts:read',
  },
}

/** The API as one list: its routes, and the permission that each call needs. */
export function createApp({ latchkeyUrl, verifierKey }: Config): Express {
  const { protect } = connectLatchkey({ url: latchkeyUrl, verifierKey, realm: 'Northwind Pay' })
  const app = express()
  app.use(helmet(), (_req, res, next) => {
    res.set('Cache-Control', 'no-store')
    next()
  })
  app.get('/', (_req, res) => {
    res.json(about)
  })
  app.get('/v1/charges', protect('charges:read'), (req, res) => sendList(req, res, bookOf(keyOf(req)).charges))
  app.post('/v1/charges', protect('charges:write'), express.json({ limit: '16kb' }), (req, res) => {
    const charge = newCharge.safeParse(req.body)
    if (charge.success) res.status(201).json(addCharge(keyOf(req), charge.data))
    else sendProblem(res, 400, 'invalid_request', 'Bad request', firstFault(charge.error))
  })
  app.get('/v1/customers', protect('customers:read'), (req, res) => sendList(req, res, bookOf(keyOf(req)).customers))
  app.get('/v1/payouts', protect('payouts:read'), (req, res) => sendList(req, res, bookOf(keyOf(req)).payouts))
  app.use((_req, res) =>
    sendProblem(res, 404, 'not_found', 'Not found', 'There is nothing here. GET / lists the calls.'),
  )
  app.use(respondError)
  return app
}

function sendList(req: Request, res: Response, data: object[]): void {
  res.json({ mode: keyOf(req).mode, data })
}

function firstFault({ issues }: z.ZodError): string {
  const [issue] = issues
  return issue ? `${issue.path.join('.') || 'body'}: ${issue.message}` : 'The body is wrong.'
}

const respondError: ErrorRequestHandler = (error: { status?: unknown }, _req, res, _next) => {
  const status = typeof error.status === 'number' ? error.status : 500
  if (status < 500) sendProblem(res, status, 'invalid_request', 'Bad request', 'The body is not JSON that can be read.')
  else sendProblem(res, 500, 'internal', 'Internal error', 'This is our fault, not yours.')
}
