import type { Frame, Pages } from './page-parts.ts'
import { BRAND_LOGO } from './pages.ts'
import { PAGE_POLICY } from './security-headers.ts'
import type { RenderTemplate } from './templates.ts'

/** Continues to another origin automatically. */
export type LeavingPage = { host: string; href: string }

/** Posts the response of an authorization request to a platform. */
export type PostingPage = { host: string; href: string; fields: { name: string; value: string }[] }

declare module './page-parts.ts' {
  interface Pages {
    leaving: LeavingPage
    posting: PostingPage
  }
}

export type OutwardPage = { html: string; headers: Record<string, string> }

/** The two pages that lead to another origin. Neither knows who is signed in. */
export type OutwardPages = {
  /** Continues to an address automatically, as a navigation of no form, so that `form-action` does not apply to its redirects. */
  leaving(address: string): OutwardPage
  /** Posts fields to an address (OAuth 2.0 Form Post Response Mode §2), automatically if scripts run, otherwise by a button. */
  posting(address: string, fields: Record<string, string>): OutwardPage
}

export function createOutwardPages(renderTemplate: RenderTemplate, brandName: string): OutwardPages {
  function render<Name extends 'leaving' | 'posting'>(name: Name, page: Pages[Name]): string {
    const title = `Going on to ${page.host}`
    const brand = { name: brandName, logo: BRAND_LOGO }
    const frame: Frame = { brand, title, nav: 'none', here: '/', requestId: '' }
    return renderTemplate(name, { frame, page })
  }
  return {
    leaving(address) {
      const { host, href } = new URL(address)
      return { html: render('leaving', { host, href }), headers: { ...COMMON, Refresh: `0;url=${href}` } }
    },
    posting(address, fields) {
      const { host, href } = new URL(address)
      const page = { host, href, fields: Object.entries(fields).map(([name, value]) => ({ name, value })) }
      return { html: render('posting', page), headers: { ...COMMON, 'Content-Security-Policy': POSTING_POLICY } }
    },
  }
}

const COMMON = { 'Cache-Control': 'no-store', 'Content-Type': 'text/html; charset=utf-8' }

/** No `form-action`: it would also apply to redirects of the receiver, which are unknown. */
const POSTING_POLICY = PAGE_POLICY.replace(/;form-action [^;]*/, '')
