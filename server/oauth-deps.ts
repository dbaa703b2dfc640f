import type { Response } from 'express'
import type { BaseDeps } from './base-deps.ts'
import { resumeAccess } from './consent/resume-access.ts'
import type { OutwardPages } from './http/outward-pages.ts'
import { renderRefusedRequest, requestId } from './http/pages.ts'
import type { RenderTemplate } from './http/templates.ts'
import { createClientHooks } from './key-life/client-hooks.ts'
import { createRenewingProvider, type RenewingProvider } from './oauth/renewing-provider.ts'
import type { SigningKeys } from './oauth/signing-keys.ts'

type Pages = { renderTemplate: RenderTemplate; outwardPages: OutwardPages }

/** The authorization server, with its effects in other rooms. */
export function createOAuth(base: BaseDeps, signing: SigningKeys, pages: Pages): RenewingProvider {
  const { config, clock, database, publicUrl } = base
  const oauth: RenewingProvider = createRenewingProvider({
    ...base,
    catalog: config.catalog,
    signing,
    outwardPages: pages.outwardPages,
    signUpOpen: config.signup === 'open' && config.people.passwords,
    grantSilently: (appId, params, session) =>
      resumeAccess(database, { clock, provider: oauth.provider, publicUrl }, { appId, params, session }),
    renderErrorPage: (res, error, signInFor) =>
      renderRefusedRequest(pages.renderTemplate, config.brand.name, {
        ...error,
        status: res.statusCode,
        signInFor,
        requestId: requestId(res as Response), // Express mounts the provider, so `res` is its response
      }),
    hooks: createClientHooks(base),
  })
  return oauth
}
