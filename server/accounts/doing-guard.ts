import type { Request, Response } from 'express'
import { clientAddress } from '../http/request.ts'
import type { Doing } from './security-letters.ts'
import { signedIn } from './session-guard.ts'

/** Who acts on their security page, from where and with what. */
export function doingOf(req: Request, res: Response): Doing {
  return { userId: signedIn(res).user.id, ip: clientAddress(req), userAgent: req.get('user-agent') ?? '' }
}
