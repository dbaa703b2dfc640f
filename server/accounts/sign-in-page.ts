import type { AppBadge, FieldFault } from '../http/page-parts.ts'

export type SignInPage = {
  values: { email: string }
  faults: FieldFault[]
  returnTo: string
  waiting?: AppBadge
  lede: string
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

declare module '../http/page-parts.ts' {
  interface Pages {
    'sign-in': SignInPage
    'sign-up': SignUpPage
  }
}
