import { Router } from 'express'
import type { Config } from '../config.ts'

type BrandCaps = {
  config: Config
}

/** The operator's logo, from BRAND_LOGO, on our own origin. */
export function brandRoutes({ config }: BrandCaps): Router {
  const router = Router()
  router.get('/brand/logo', (_req, res, next) => {
    if (!config.brand.logoFile) return res.redirect(302, '/assets/logos/latchkey.svg')
    res.set('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'; sandbox")
    res.sendFile(config.brand.logoFile, { maxAge: '1h', dotfiles: 'allow' }, error => error && next(error))
  })
  return router
}
