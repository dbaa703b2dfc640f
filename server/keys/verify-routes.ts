import express, { Router } from 'express'
import { z } from 'zod'
import { AppError } from '../base/errors.ts'
import { isWellFormedSecret } from '../base/secret-format.ts'
import type { Deps } from '../deps.ts'
import { parseInput } from '../http/parse.ts'
import { respondProblem } from '../http/respond-error.ts'
import { verifierOfToken } from './verifiers.ts'
import { type Verdict, verifyKey } from './verify-key.ts'

const body = z.object({
  key: z.string('is required').max(1_000, 'must have 1000 characters or fewer'),
  permission: z.string().max(80).optional(),
  ip: z.union([z.ipv4(), z.ipv6()], 'must be an IP address').optional(),
})

/** `POST /v1/keys/verify`: what resource servers ask with every call. Stands outside sessions and the authorization server. */
export function verifyRoutes({ database, clock, log, usage }: Deps): Router {
  const router = Router()
  router.post('/v1/keys/verify', express.json({ limit: '8kb', strict: true }), async (req, res) => {
    const verdict = await answer(bearerOf(req.get('authorization')), req.body)
    res.set('Cache-Control', 'no-store').json(verdict)
  })
  router.use('/v1/keys/verify', respondProblem(log))

  async function answer(token: string | undefined, input: unknown): Promise<Verdict> {
    const verifier = token && (await database.read(tx => verifierOfToken(tx, token)))
    if (!verifier)
      throw new AppError('access.unauthorized', { detail: 'Send a verifier key as Authorization: Bearer.' })
    const { key, permission, ip } = parseInput(body, input)
    if (!isWellFormedSecret(key)) return { valid: false, code: 'malformed' }
    const verdict = await database.read(tx => verifyKey(tx, { key, permission, ip }, clock.now()))
    if (verdict.valid) usage.note(verdict.key_id, ip, permission)
    return verdict
  }
  return router
}

/** The token of an `Authorization: Bearer` header (RFC 6750 §2.1). */
function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +([\w.~+/-]+=*)$/i.exec(header ?? '')?.[1]
}
