import type { AppBadge, FieldFault } from '../http/page-parts.ts'

export type SignInPage = {
  values: { email: string }
  faults: FieldFault[]
  returnTo: string
  waiting?: AppBadge
  lede: string
  /** Whether the form is shown. */
  passwords: boolean
  /** *Continue with …*: the operator's own page, an OpenID provider. */
  elsewhere: { href: string; text: string }[]
  /** Set if a signed-in person must sign in again; posted back. */
  again?: 'password' | 'choice'
  /** *Continue as …*, if no password is required. */
  goOn?: { href: string; email: string }
}

export type SignUpPage = {
  values: { email: string; accountName: string }
  faults: FieldFault[]
  returnTo: string
  waiting?: AppBadge
  /** False where SIGNUP=invite: the page says so instead of the form. */
  open: boolean
}

/** Who a link signs in, and where. */
export type SignInLinkPage = {
  token: string
  name: string
  email: string
  accountName: string
  /** Who is signed in in this browser now, where that is somebody else. */
  instead?: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'sign-in': SignInPage
    'sign-up': SignUpPage
    'sign-in-link': SignInLinkPage
  }
}
