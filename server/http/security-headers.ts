import helmet from 'helmet'

/**
 * The policy of every page. Forms may only be sent to our own origin; Chromium applies that to redirects after them too, so
 * redirects to other origins go through `leave.ts` (docs/browsers.md).
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join(';')

const DIRECTIVES = Object.fromEntries(
  PAGE_POLICY.split(';').map(directive => {
    const [name = '', ...values] = directive.split(' ')
    return [name, values]
  }),
)

/** Headers of every response. Pages have no inline script or style and are never framed. */
export const securityHeaders = helmet({
  contentSecurityPolicy: { useDefaults: false, directives: DIRECTIVES },
  referrerPolicy: { policy: 'no-referrer' },
  crossOriginOpenerPolicy: { policy: 'same-origin' },
  xFrameOptions: { action: 'deny' },
})
