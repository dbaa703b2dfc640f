import type { IncomingHttpHeaders } from 'node:http'

/**
 * Whether a browser got here from a page of ours: by a form, a link, or redirects of ours alone. A redirect to another
 * origin would be blocked by the `form-action` of that page (docs/browsers.md). Programs send no such headers.
 */
export function comesFromOurPage(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-site'] === 'same-origin'
}
