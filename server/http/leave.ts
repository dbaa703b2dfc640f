import type { Request, Response } from 'express'
import { comesFromOurPage } from '../base/fetch-metadata.ts'
import type { OutwardPages } from './outward-pages.ts'

/** Redirects to another origin: with a page that continues automatically after one of our forms, otherwise with a 303. */
export function leaveFor(pages: OutwardPages, req: Request, res: Response, address: string): void {
  if (!comesFromOurPage(req.headers)) {
    res.redirect(303, address)
    return
  }
  const { html, headers } = pages.leaving(address)
  res.set(headers).send(html)
}
