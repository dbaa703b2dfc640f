import type { RequestHandler } from 'express'
import type { RenderPage } from './pages.ts'

declare module './page-parts.ts' {
  interface Pages {
    reference: { document: string }
  }
}

/**
 * The viewer draws its icons from `data:` URLs and fetches the document from this origin; nothing inline, nothing from other
 * origins.
 */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

/** The page that displays an OpenAPI document. */
export function showReference(render: RenderPage, title: string, document: string): RequestHandler {
  return (req, res) => {
    res.set('Content-Security-Policy', POLICY)
    render(req, res, 'reference', { title }, { document })
  }
}
