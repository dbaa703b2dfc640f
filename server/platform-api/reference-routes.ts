import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express, { Router } from 'express'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { platformOpenApi } from './platform-openapi.ts'

type ReferenceCaps = {
  config: Config
  render: RenderPage
}

declare module '../http/page-parts.ts' {
  interface Pages {
    reference: Record<never, never>
  }
}

const VIEWER = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
/** The viewer draws its icons from `data:` and reads the document from here; still nothing inline and nothing from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"

/** `/openapi.json`, and a page that makes it readable. */
export function referenceRoutes({ config, render }: ReferenceCaps): Router {
  const document = platformOpenApi(config.publicUrl)
  const router = Router()
  router.get('/openapi.json', (_req, res) => res.set('Access-Control-Allow-Origin', '*').json(document))
  router.get('/reference', (req, res) => {
    res.set('Content-Security-Policy', POLICY)
    render(req, res, 'reference', { title: 'API reference' }, {})
  })
  router.use('/reference/viewer', express.static(VIEWER, { index: false, maxAge: '1h' }))
  return router
}
