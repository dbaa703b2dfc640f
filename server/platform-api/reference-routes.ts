import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import express, { Router } from 'express'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { showReference } from '../http/show-reference.ts'
import { platformOpenApi } from './platform-openapi.ts'

type ReferenceCaps = {
  config: Config
  render: RenderPage
}

const VIEWER = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))

/** `/openapi.json`, and a page that displays it. */
export function referenceRoutes({ config, render }: ReferenceCaps): Router {
  const document = platformOpenApi(config.publicUrl)
  const router = Router()
  router.get('/openapi.json', (_req, res) => res.set('Access-Control-Allow-Origin', '*').json(document))
  router.get('/reference', showReference(render, 'API reference', '/openapi.json'))
  router.use('/reference/viewer', express.static(VIEWER, { index: false, maxAge: '1h' }))
  return router
}
