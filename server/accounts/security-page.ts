import { agoText, counted, dateText, dayTimeMoment } from '../http/format.ts'
import type { FieldFault, NoticeModel } from '../http/page-parts.ts'
import { deviceOf } from './device-name.ts'
import type { SessionRow } from './session-store.ts'

export type SecurityPage = {
  email: string
  faults: FieldFault[]
  /** False for somebody who signs in elsewhere. */
  hasPassword: boolean
  /** Undefined without one. */
  authenticator: { since: string; codes: string } | undefined
  sessions: { id: string; device: string; icon: string; address: string; note: string; current: boolean }[]
  hasOthers: boolean
}

declare module '../http/page-parts.ts' {
  interface Pages {
    security: SecurityPage
  }
}

export type SecurityData = {
  email: string
  hasPassword: boolean
  authenticator: { createdAt: number; codesLeft: number } | undefined
  sessions: readonly SessionRow[]
  sessionId: string
}

/** How a person signs in, and where they are signed in. */
export function securityPage(data: SecurityData, faults: FieldFault[], now: number): SecurityPage {
  const { email, hasPassword, sessionId } = data
  const authenticator = data.authenticator && {
    since: `Since ${dateText(data.authenticator.createdAt)}`,
    codes: `${counted(data.authenticator.codesLeft, 'recovery code')} left`,
  }
  const sessions = data.sessions.map(row => sessionModel(row, sessionId, now))
  return { email, faults, hasPassword, authenticator, sessions, hasOthers: sessions.some(({ current }) => !current) }
}

function sessionModel(row: SessionRow, sessionId: string, now: number): SecurityPage['sessions'][number] {
  const { name, handheld } = deviceOf(row.user_agent)
  const current = row.id === sessionId
  return {
    id: row.id,
    device: name,
    icon: handheld ? 'phone' : 'laptop',
    address: row.ip,
    note: current
      ? `Signed in ${dayTimeMoment(row.created_at).text}`
      : `Last active ${agoText(row.seen_at, now).toLowerCase()}`,
    current,
  }
}

const DONE = {
  password: ['The password was changed.', 'You are signed out everywhere else.'],
  session: ['Signed out.', 'That browser must sign in again.'],
  sessions: ['Signed out everywhere else.', 'Only this browser is signed in.'],
  'authenticator-removed': ['The authenticator app was removed.', 'You sign in with your password alone.'],
} as const satisfies Record<string, readonly [string, string]>

/** What has just been done, from the query of the page. */
export function securityFlash(done: unknown): NoticeModel | undefined {
  if (typeof done !== 'string' || !Object.hasOwn(DONE, done)) return undefined
  const [strong, text] = DONE[done as keyof typeof DONE]
  return { tone: 'good', strong, text }
}
