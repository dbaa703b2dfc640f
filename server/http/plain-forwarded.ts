import type { RequestHandler } from 'express'
import { withoutPort } from '../base/addresses.ts'

/**
 * Leaves addresses alone in `X-Forwarded-For`. Some proxies add the port of each connection: taken as it is, every
 * connection would be a caller of its own to the limits, and no such address would be in a range of TRUST_PROXY.
 */
export const plainForwarded: RequestHandler = (req, _res, next) => {
  const forwarded = req.headers['x-forwarded-for']
  if (typeof forwarded === 'string')
    req.headers['x-forwarded-for'] = forwarded
      .split(',')
      .map(entry => withoutPort(entry.trim()))
      .join(', ')
  next()
}
