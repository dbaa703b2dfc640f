import type { Request, Response } from 'express'
import { comesFromOurPage } from '../base/fetch-metadata.ts'
import type { OutwardPages } from './outward-pages.ts'

/** Leads to an address of somebody else: with a page that goes on by itself where a form of ours led here, else with a 303. */
export async function leaveFor(pages: OutwardPages, req: Request, res: Response, address: string): Promise<void> {
  if (!comesFromOurPage(req.headers)) return res.redirect(303, address)
  const { html, headers } = await pages.leaving(address)
  res.set(headers).send(html)
}
