import type { Response } from 'express'
import helmet from 'helmet'

const DIRECTIVES = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'"],
  formAction: ["'self'"],
  baseUri: ["'none'"],
  frameAncestors: ["'none'"],
}

/** Headers of every answer. Pages hold no inline script or style and are never framed. */
export const securityHeaders = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: DIRECTIVES },
  referrerPolicy: { policy: 'no-referrer' },
  crossOriginOpenerPolicy: { policy: 'same-origin' },
  xFrameOptions: { action: 'deny' },
})

/** Lets the forms of this page lead to one more origin: Chromium applies `form-action` to the redirect that answers a form. */
export function allowFormTo(res: Response, address: string): void {
  if (!URL.canParse(address)) return
  const { origin } = new URL(address)
  const policy = res.getHeader('Content-Security-Policy')
  if (origin === 'null' || typeof policy !== 'string') return
  res.setHeader('Content-Security-Policy', policy.replace("form-action 'self'", `form-action 'self' ${origin}`))
}
