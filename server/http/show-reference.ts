import type { RequestHandler } from 'express'
import type { RenderPage } from './pages.ts'

declare module './page-parts.ts' {
  interface Pages {
    reference: { document: string }
  }
}

/** The viewer draws its icons from `data:` and reads the document from here; still nothing inline and nothing from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

/** The page that makes an OpenAPI document readable. */
export function showReference(render: RenderPage, title: string, document: string): RequestHandler {
  return (req, res) => {
    res.set('Content-Security-Policy', POLICY)
    render(req, res, 'reference', { title }, { document })
  }
}
