import type { RequestHandler } from 'express'
import { AppError } from '../base/errors.ts'

/**
 * Refuses CORS preflights (Fetch §4.8). `/v1` is for servers: its credentials may rotate and expire keys, so no page
 * may hold them. Without the preflight no browser sends `Authorization`.
 */
export const refusePreflight: RequestHandler = (req, _res, next) => {
  if (req.method !== 'OPTIONS') return next()
  next(new AppError('access.forbidden', { detail: 'Call this API from a server, not from a script in a browser.' }))
}
