import type { RequestHandler } from 'express'
import { withoutPort } from '../base/addresses.ts'

/**
 * Reduces `X-Forwarded-For` to plain addresses. Some proxies add the port of each connection: each connection would
 * count as its own caller, and no such address would match a range of TRUST_PROXY.
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
