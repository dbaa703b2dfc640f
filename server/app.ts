import type { RequestListener } from 'node:http'
import express, { type Express, type RequestHandler } from 'express'
import { logoRoutes } from '../apps-registry/logo-routes.ts'
import { activityRoutes } from './account-portal/activity-routes.ts'
import { freezeRoutes } from './account-portal/freeze-routes.ts'
import { installsRoutes } from './account-portal/installs-routes.ts'
import { invitationsRoutes } from './account-portal/invitations-routes.ts'
import { keysRoutes } from './account-portal/keys-routes.ts'
import { marketplaceRoutes } from './account-portal/marketplace-routes.ts'
import { membersRoutes } from './account-portal/members-routes.ts'
import { requestsRoutes } from './account-portal/requests-routes.ts'
import { restrictedKeyRoutes } from './account-portal/restricted-key-routes.ts'
import { rotateRoutes } from './account-portal/rotate-routes.ts'
import { uninstallRoutes } from './account-portal/uninstall-routes.ts'
import { accountRoutes } from './accounts/account-routes.ts'
import { invitationRoutes } from './accounts/invitation-routes.ts'
import { mailLinkRoutes } from './accounts/mail-link-routes.ts'
import { securityRoutes } from './accounts/security-routes.ts'
import { callerOf, loadSession } from './accounts/session-guard.ts'
import { adminReferenceRoutes } from './admin-api/admin-reference-routes.ts'
import { ADMIN_OPERATIONS } from './admin-api/operations.ts'
import { AppError } from './base/errors.ts'
import { consentRoutes } from './consent/consent-routes.ts'
import { type Deps, VIEWS } from './deps.ts'
import { boundRequests } from './http/bound-requests.ts'
import { brandRoutes } from './http/brand-routes.ts'
import { healthRoutes } from './http/health-routes.ts'
import { metricsRoutes } from './http/metrics-routes.ts'
import { operationRouter } from './http/operation-router.ts'
import { formBody } from './http/parse.ts'
import { plainForwarded } from './http/plain-forwarded.ts'
import { refuseOddAddress } from './http/refuse-odd-input.ts'
import { refusePreflight } from './http/refuse-preflight.ts'
import { refuseUnclearHead } from './http/refuse-unclear-head.ts'
import { respondPage, respondProblem } from './http/respond-error.ts'
import { requireSameOrigin } from './http/same-origin.ts'
import { securityHeaders } from './http/security-headers.ts'
import { asksToVerify, verifyRoute } from './keys/verify-routes.ts'
import { authorizeLimitRoutes, limitPages } from './limits/page-limits-routes.ts'
import { oauthRoutes } from './oauth/oauth-routes.ts'
import { OPERATIONS } from './platform-api/operations.ts'
import { referenceRoutes } from './platform-api/reference-routes.ts'
import { portalActivityRoutes } from './platform-portal/portal-activity-routes.ts'
import { portalAppRoutes } from './platform-portal/portal-app-routes.ts'
import { portalDeliveryRoutes } from './platform-portal/portal-delivery-routes.ts'
import { portalRoutes } from './platform-portal/portal-routes.ts'
import { registerRoutes } from './platform-portal/register-routes.ts'

/** Serves verification on its own path and all other requests with Express. */
export function createListener(deps: Deps): RequestListener {
  const verify = verifyRoute(deps)
  const app = boundRequests(createApp(deps))
  return refuseUnclearHead((req, res) => void (asksToVerify(req) ? verify(req, res) : app(req, res)))
}

/** All routes but verification, in order: APIs first, then pages with a session. */
export function createApp(deps: Deps): Express {
  const { config, database, clock, sessionCookie, log, render } = deps
  const app = express()
  const withSession = loadSession(database, clock, sessionCookie)
  app.disable('x-powered-by').set('etag', false)
  app.set('trust proxy', config.trustProxy)
  app.use(plainForwarded)

  app.use((_req, res, next) => {
    res.locals['requestId'] = deps.ids.next('req')
    next()
  })
  app.use(deps.metrics.watchRequests)
  app.use(securityHeaders)
  app.use(healthRoutes(deps))
  app.use(metricsRoutes(deps))
  app.use('/assets', express.static(`${VIEWS}/assets`, { index: false, maxAge: '1h' }))
  app.use(brandRoutes(deps))
  app.use(logoRoutes(deps))
  app.use(authorizeLimitRoutes(deps, withSession, callerOf))
  app.use(oauthRoutes(deps))
  app.use(referenceRoutes(deps))
  mountApis(app, deps)

  app.use(requireSameOrigin(config.publicUrl), withSession, limitPages(deps, callerOf), refuseOddAddress, formBody)
  app.use(accountRoutes(deps))
  app.use(securityRoutes(deps), mailLinkRoutes(deps))
  app.use(invitationRoutes(deps))
  app.use(marketplaceRoutes(deps))
  app.use(consentRoutes(deps))
  app.use(installsRoutes(deps))
  app.use(uninstallRoutes(deps))
  app.use(keysRoutes(deps))
  app.use(rotateRoutes(deps))
  app.use(restrictedKeyRoutes(deps))
  app.use(freezeRoutes(deps))
  app.use(activityRoutes(deps))
  app.use(invitationsRoutes(deps))
  app.use(membersRoutes(deps), requestsRoutes(deps))
  app.use(portalRoutes(deps))
  app.use(registerRoutes(deps))
  app.use(portalAppRoutes(deps))
  app.use(portalActivityRoutes(deps))
  app.use(portalDeliveryRoutes(deps))
  app.use(nothingHere)
  app.use(respondPage(log, render))
  return app
}

/** A body that names 1,000 accounts by external ids. */
const LARGEST_BULK = '400kb'

/** The JSON APIs; below their prefixes nothing else responds. */
function mountApis(app: Express, deps: Deps): void {
  const problem = respondProblem(deps.log)
  app.use('/v1', refusePreflight, refuseOddAddress, problem)
  app.use(operationRouter('/v1', OPERATIONS, deps))
  app.use('/v1', nothingHere, problem)
  app.use(adminReferenceRoutes(deps))
  app.use('/admin/v1', refusePreflight, refuseOddAddress, problem)
  app.use(operationRouter('/admin/v1', ADMIN_OPERATIONS, deps, LARGEST_BULK))
  app.use('/admin/v1', nothingHere, problem)
}

const nothingHere: RequestHandler = (_req, _res, next) => next(new AppError('object.not_found'))
