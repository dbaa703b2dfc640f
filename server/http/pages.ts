import ejs from 'ejs'
import type { Request, Response } from 'express'
import type { ErrorPage, Frame, NavItem, NoticeModel, Viewer } from '../../views/models.ts'
import { sessionOf } from '../accounts/session-guard.ts'
import type { Session } from '../accounts/sessions.ts'

export const BRAND_LOGO = '/brand/logo'

export type PageOptions = {
  title: string
  nav?: NavItem
  flash?: NoticeModel
  status?: number
}

/** Renders one page of views/: its name, what the frame needs, and its model. */
export type RenderPage = (req: Request, res: Response, name: string, options: PageOptions, page: object) => void

export function createPages(brandName: string): RenderPage {
  return (req, res, name, { title, nav = 'none', flash, status = 200 }, page) => {
    const session = sessionOf(res)
    const frame: Frame = {
      brand: { name: brandName, logo: BRAND_LOGO },
      title,
      nav,
      here: req.method === 'GET' ? req.originalUrl : '/apps',
      requestId: requestId(res),
      ...(session && { viewer: viewerOf(session) }),
      ...(flash && { flash }),
    }
    res.status(status).set('Cache-Control', 'no-store').render(name, { frame, page })
  }
}

export function requestId(res: Response): string {
  return String(res.locals['requestId'] ?? '')
}

function viewerOf(session: Session): Viewer {
  const brief = ({ account }: Session['current']) => ({
    id: account.id,
    name: account.name,
    initial: initialOf(account.name),
  })
  return {
    email: session.user.email,
    initials: session.user.email.slice(0, 2).toUpperCase(),
    account: { ...brief(session.current), role: capitalised(session.current.role) },
    accounts: session.memberships.map(brief),
  }
}

function initialOf(name: string): string {
  return (Array.from(name.trim())[0] ?? '?').toUpperCase()
}

export function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

/** An authorization request that must not be answered to its redirect address ends on our error page, as HTML. */
export async function renderRefusedRequest(
  views: string,
  brandName: string,
  refused: { error: string; error_description?: string | undefined; status: number; signInFor: string | undefined },
): Promise<string> {
  const { status, signInFor } = refused
  const away = status === 503
  const heading = away ? `${brandName} cannot answer now` : 'This request cannot go on'
  const frame: Frame = {
    brand: { name: brandName, logo: BRAND_LOGO },
    title: heading,
    nav: 'none',
    here: '/',
    requestId: '',
  }
  const page: ErrorPage = {
    status,
    heading,
    text: away
      ? 'Nothing was changed. Wait a minute, then start again from the app.'
      : [
          `The app sent you here with a request that is not right: ${refused.error_description ?? refused.error}. Nothing was changed.`,
          signInFor ? 'If your account makes this app, sign in first.' : 'Start again from the app.',
        ].join(' '),
    actions: [
      ...(signInFor
        ? [{ href: `/signin?return_to=${encodeURIComponent(signInFor)}`, text: 'Sign in', primary: true }]
        : []),
      { href: '/marketplace', text: 'Open marketplace', primary: !signInFor },
    ],
  }
  return await ejs.renderFile(`${views}/error.ejs`, { frame, page })
}
