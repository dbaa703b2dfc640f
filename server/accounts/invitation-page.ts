import type { FieldFault } from '../http/page-parts.ts'

/** What somebody who opens the link of an invitation sees. */
export type InvitationPage = {
  account: string
  lede: string
  token: string
  email: string
  /**
   * `accept`: one button. `sign_up`: a password first. `sign_in`: the address has a user already. `other`: somebody else
   * is signed in.
   */
  step: 'accept' | 'sign_up' | 'sign_in' | 'other'
  signInHref: string
  refusal?: string
  facts: { label: string; text: string }[]
  faults: FieldFault[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    invitation: InvitationPage
  }
}
