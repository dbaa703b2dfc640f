import type { Request, Response } from 'express'
import type { ErrorPage, Frame, NavItem, NoticeModel, Pages } from './page-parts.ts'
import type { RenderTemplate } from './templates.ts'
import { viewerOf } from './viewer.ts'

export const BRAND_LOGO = '/brand/logo'

export type PageOptions = {
  title: string
  nav?: NavItem
  flash?: NoticeModel
  status?: number
}

/** Renders one page of views/: its name, what the frame needs, and its model. */
export type RenderPage = <Name extends keyof Pages>(
  req: Request,
  res: Response,
  name: Name,
  options: PageOptions,
  page: Pages[Name],
) => void

export function createPages(renderTemplate: RenderTemplate, brandName: string): RenderPage {
  return (req, res, name, { title, nav = 'none', flash, status = 200 }, page) => {
    const viewer = viewerOf(res)
    const frame: Frame = {
      brand: { name: brandName, logo: BRAND_LOGO },
      title,
      nav,
      here: req.method === 'GET' ? req.originalUrl : '/apps',
      requestId: requestId(res),
      ...(viewer && { viewer }),
      ...(flash && { flash }),
    }
    res.status(status).set('Cache-Control', 'no-store').send(renderTemplate(name, { frame, page }))
  }
}

export function requestId(res: Response): string {
  return String(res.locals['requestId'] ?? '')
}

/** Shows the error page for an authorization request that must not be redirected to its client. */
export function renderRefusedRequest(
  renderTemplate: RenderTemplate,
  brandName: string,
  refused: {
    error: string
    error_description?: string | undefined
    status: number
    signInFor: string | undefined
    requestId: string
  },
): string {
  const { status, signInFor } = refused
  const away = status === 503
  const heading = away ? `${brandName} is unavailable` : 'This request cannot continue'
  const frame: Frame = {
    brand: { name: brandName, logo: BRAND_LOGO },
    title: heading,
    nav: 'none',
    here: '/',
    requestId: refused.requestId,
  }
  const page: ErrorPage = {
    status,
    heading,
    text: away
      ? 'Nothing was changed. Wait a minute, then start again from the app.'
      : [
          `The app sent you here with an invalid request: ${refused.error_description ?? refused.error}. Nothing was changed.`,
          signInFor ? 'If this is your account’s app, sign in first.' : 'Start again from the app.',
        ].join(' '),
    actions: [
      ...(signInFor
        ? [{ href: `/signin?return_to=${encodeURIComponent(signInFor)}`, text: 'Sign in', primary: true }]
        : []),
      { href: '/marketplace', text: 'Open marketplace', primary: !signInFor },
    ],
  }
  return renderTemplate('error', { frame, page })
}
