import type { AppBadge, FieldFault } from '../http/page-parts.ts'

/** The second step of a sign-in. */
export type SecondFactorPage = {
  /** `recovery`: a recovery code instead of one from the app. */
  way: 'app' | 'recovery'
  /** Sealed; posted back. */
  pending: string
  returnTo: string
  waiting?: AppBadge
  faults: FieldFault[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    'second-factor': SecondFactorPage
  }
}
