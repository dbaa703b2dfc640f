import type { RequestHandler } from 'express'
import { AppError } from '../base/errors.ts'

/** Refuses a percent-encoded NUL in a path: no object name contains one. Runs before every route. */
export const refuseOddAddress: RequestHandler = (req, _res, next) => {
  next(req.originalUrl.includes('%00') ? oddInput() : undefined)
}

export const oddInput = (): AppError =>
  new AppError('request.invalid', { detail: 'The request contains a NUL character.' })
