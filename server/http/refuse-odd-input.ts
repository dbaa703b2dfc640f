import type { RequestHandler } from 'express'
import { AppError } from '../base/errors.ts'

/** NUL in an address, percent-encoded as it must be there: nothing has it in its name. Stands before every route. */
export const refuseOddAddress: RequestHandler = (req, _res, next) => {
  next(req.originalUrl.includes('%00') ? oddInput() : undefined)
}

export const oddInput = (): AppError =>
  new AppError('request.invalid', { detail: 'A NUL character is in what was sent.' })
