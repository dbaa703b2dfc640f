import { Router } from 'express'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { showReference } from '../http/show-reference.ts'
import { adminOpenApi } from './admin-openapi.ts'

/** `/admin/openapi.json`, and a page that makes it readable. */
export function adminReferenceRoutes({ config, render }: { config: Config; render: RenderPage }): Router {
  const document = adminOpenApi(config.publicUrl)
  const router = Router()
  router.get('/admin/openapi.json', (_req, res) => res.set('Access-Control-Allow-Origin', '*').json(document))
  router.get('/admin/reference', showReference(render, 'Admin API reference', '/admin/openapi.json'))
  return router
}
