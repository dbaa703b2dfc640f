import type { FieldFault } from '../http/page-parts.ts'

/** `sent`: the same for every address, known or not. */
export type ForgotPage = { email: string; faults: FieldFault[]; sent: boolean }
export type ResetPage = { action: string; email: string; faults: FieldFault[] }
export type ConfirmPage = { action: string; email: string; done: boolean }

declare module '../http/page-parts.ts' {
  interface Pages {
    forgot: ForgotPage
    reset: ResetPage
    confirm: ConfirmPage
  }
}
