import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import { comesFromOurPage } from '../base/fetch-metadata.ts'

type OutwardPage = { html: string; headers: Record<string, string> }

/** The pages that lead to another origin, which this room may not render itself. */
export type LeadElsewhere = {
  leaving(address: string): OutwardPage
  posting(address: string, fields: Record<string, string>): OutwardPage
}

type Posted = { address: string; fields: Record<string, string> }

/** Replaces the library's own page for `response_mode=form_post`. */
export function keepForPosting(ctx: KoaContextWithOIDC, address: string, payload: Record<string, unknown>): void {
  const fields = Object.fromEntries(Object.entries(payload).map(([name, value]) => [name, String(value)]))
  ctx.state['posted'] = { address, fields } satisfies Posted
}

/**
 * Lets responses to a platform's address work after one of our forms: a redirect after a form becomes a page that
 * continues by itself, and `form_post` has its own page.
 */
export function answerElsewhere(provider: Provider, pages: LeadElsewhere): void {
  provider.use(async (ctx, next) => {
    await next()
    const posted: Posted | undefined = ctx.state['posted']
    if (posted) return respond(pages.posting(posted.address, posted.fields))
    const address = ctx.response.get('Location')
    const leaves = address !== '' && new URL(address, provider.issuer).origin !== new URL(provider.issuer).origin
    if (leaves && comesFromOurPage(ctx.headers)) {
      ctx.remove('Location')
      respond(pages.leaving(address))
    }

    function respond({ html, headers }: OutwardPage): void {
      ctx.status = 200
      ctx.set(headers)
      ctx.body = html
    }
  })
}
