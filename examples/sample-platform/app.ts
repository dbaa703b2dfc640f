import { resolve } from 'node:path'
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express'
import helmet from 'helmet'
import { openAtRest } from './at-rest.ts'
import { callApi } from './call-api.ts'
import type { Config } from './config.ts'
import { finishConnecting, startConnecting } from './connect.ts'
import { rememberLatchkey } from './latchkey.ts'
import { makePages, type Pages } from './pages.ts'
import { receiveEvents } from './receiver.ts'
import type { Registration, Secrets } from './secrets.ts'
import type { Store } from './store.ts'

const assets = resolve(import.meta.dirname, 'assets')

/** The parts of the application. */
export interface AppParts {
  config: Config
  name: string
  secrets: Secrets
  registration: Registration
  store: Store
}

/** The platform as one list of its routes. */
export async function createApp({ config, name, secrets, registration, store }: AppParts): Promise<Express> {
  const { url, issuer } = config
  const latchkey = rememberLatchkey(issuer, secrets, registration)
  const atRest = await openAtRest(secrets.storageKey)
  const pages = makePages(name, issuer)
  const { client_id: clientId, webhook_secret: webhookSecret } = registration
  const receiver = receiveEvents({ secrets, webhookSecret, clientId, latchkey, atRest, store })

  const app = express()
  app.post('/latchkey/events', express.raw({ type: () => true, limit: '256kb' }), receiver)
  app.use(secureHeaders(config))
  app.use(express.static(assets, { index: false }))
  app.use(neverCached)
  app.get('/', (req, res) => pages.home(res, store.read(), { connected: 'connected' in req.query }))
  app.get('/connect', startConnecting({ url, latchkey, atRest, store, pages }))
  app.get('/callback', finishConnecting({ url, latchkey, atRest, store, pages }))
  app.post(
    '/call',
    sameOriginOnly(url, pages),
    express.urlencoded(),
    callApi({ apiUrl: config.sampleApiUrl, store, atRest, pages }),
  )
  app.use((_req, res) => pages.message(res, 404, 'Nothing here', 'This address leads nowhere.'))
  app.use(respondError(pages))
  return app
}

function secureHeaders({ url, issuer }: Config): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        // Chromium applies this to redirects after a form too: "Connect" leads to Latchkey.
        formAction: ["'self'", new URL(issuer).origin],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    // With no-referrer a browser would send "Origin: null" with our own forms.
    referrerPolicy: { policy: 'same-origin' },
    strictTransportSecurity: url.startsWith('https:'),
  })
}

const neverCached: RequestHandler = (_req, res, next) => {
  res.set('Cache-Control', 'no-store')
  next()
}

function sameOriginOnly(url: string, pages: Pages): RequestHandler {
  const { origin } = new URL(url)
  return (req, res, next) => {
    if (req.get('sec-fetch-site') === 'same-origin' || req.get('origin') === origin) return next()
    pages.message(res, 403, 'Not from this page', 'This form was sent from somewhere else. Nothing was done.')
  }
}

function respondError(pages: Pages): ErrorRequestHandler {
  return (error: { status?: unknown; message?: unknown }, _req, res, _next) => {
    const status = typeof error.status === 'number' ? error.status : 500
    if (status >= 500) console.error(`Failed: ${String(error.message)}`)
    pages.message(res, status, 'That did not work', 'Nothing was changed. Try again in a minute.')
  }
}
