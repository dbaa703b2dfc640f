import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether a browser came from one of our pages: by a form, a link, or redirects within our origin. That page's `form-action`
 * would block a redirect to another origin (docs/browsers.md). Programs send no such headers.
 */
export function comesFromOurPage(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-site'] === 'same-origin'
}
