import type { Request, Response } from 'express'
import type { Database } from '../../db/connect.ts'
import { lockManagedAccount } from '../accounts/find-account.ts'
import { listInvitations } from '../accounts/invite-member.ts'
import { hasOtherOwner, pageMembers } from '../accounts/list-members.ts'
import { signedIn } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import { isId } from '../base/ids.ts'
import type { Config } from '../config.ts'
import type { FieldFault, NoticeModel } from '../http/page-parts.ts'
import type { RenderPage } from '../http/pages.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { MEMBERS_PER_PAGE, membersPage } from './members-page.ts'

export type MembersCaps = Caps & { config: Config; database: Database; limits: RateLimits; render: RenderPage }

export type ShowMembers = {
  typed?: { email: string; role: string }
  faults?: FieldFault[]
  status?: number
  flash?: NoticeModel | undefined
}

/** The members of the account that the person looks at, with open invitations. */
export async function showMembers(
  caps: MembersCaps,
  req: Request,
  res: Response,
  { typed = { email: '', role: 'viewer' }, faults = [], status = 200, flash }: ShowMembers = {},
): Promise<void> {
  const session = signedIn(res)
  const accountId = session.current.account.id
  const after = isId('usr', req.query['after']) ? req.query['after'] : undefined
  const found = await caps.database.read(async tx => ({
    outside: ((await lockManagedAccount(tx, accountId, 'look'))?.externalId ?? null) !== null,
    hasOwner: await hasOtherOwner(tx, accountId, ''),
    members: await pageMembers(tx, { accountId, after, limit: MEMBERS_PER_PAGE + 1 }),
    invitations: await listInvitations(tx, accountId),
  }))
  const page = membersPage({ ...found, session, after, typed, faults, now: caps.clock.now() })
  caps.render(req, res, 'members', { title: 'Members', nav: 'members', status, ...(flash && { flash }) }, page)
}
