import type { RequestHandler } from 'express'
import { AppError } from '../base/errors.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses a request that changes something unless the browser says that it comes from this origin: by `Sec-Fetch-Site`, or by
 * `Origin` if the browser does not send that. Without either header it is refused (docs/wire.md#pages).
 */
export function requireSameOrigin(publicUrl: string): RequestHandler {
  return (req, _res, next) => {
    const site = req.get('sec-fetch-site')
    const same = site === undefined ? req.get('origin') === publicUrl : site === 'same-origin'
    next(SAFE.has(req.method) || same ? undefined : new AppError('request.cross_site'))
  }
}
