import type { Invitation } from '../accounts/invite-member.ts'
import type { Member } from '../accounts/list-members.ts'
import { ROLE_WORDS } from '../accounts/member-letters.ts'
import { type Role, roleAllows, whoMay } from '../accounts/roles.ts'
import type { Session } from '../accounts/sessions.ts'
import { agoText, capitalised, dateText } from '../http/format.ts'
import type { FieldFault, OptionModel } from '../http/page-parts.ts'

export const ROLES: readonly Role[] = ['viewer', 'developer', 'admin', 'owner']

type MenuItem = { href: string; text: string; icon: string; danger: boolean }

export type MembersPage = {
  account: { id: string; name: string }
  /** Why nobody, or not this person, changes members here. */
  readOnly?: { strong: string; text: string }
  noOwner: boolean
  invite?: { email: string; roles: OptionModel[] }
  roles: { name: string; text: string }[]
  members: { id: string; initials: string; name: string; email: string; role: string; seen: string; menu: MenuItem[] }[]
  invitations: {
    id: string
    initials: string
    email: string
    role: string
    ends: string
    /** POST targets; absent for a role that may not use them. */
    acts?: { resend: string; revoke: string }
  }[]
  older?: string
  newest?: string
  leaveHref?: string
  faults: FieldFault[]
}

export type MemberRolePage = {
  account: { id: string; name: string }
  member: string
  action: string
  choices: { value: Role; text: string; note: string; checked: boolean; first: boolean }[]
  faults: FieldFault[]
}

/** A question before something ends or changes hands. */
export type MemberQuestionPage = {
  account: { id: string; name: string }
  heading: string
  lede: string
  facts: { label: string; text: string }[]
  action: string
  button: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    members: MembersPage
    'member-role': MemberRolePage
    'member-question': MemberQuestionPage
  }
}

export const MEMBERS_PER_PAGE = 50

export type MembersPageInput = {
  session: Session
  /** Set where the operator's own system manages the members. */
  outside: boolean
  hasOwner: boolean
  /** One more than a page has, if there are more. */
  members: readonly Member[]
  after: string | undefined
  invitations: readonly Invitation[]
  typed: { email: string; role: string }
  faults: FieldFault[]
  now: number
}

export function membersPage(input: MembersPageInput): MembersPage {
  const { session, outside, members } = input
  const { account, role } = session.current
  const manages = !outside && roleAllows(role, 'manage_members')
  const shown = members.slice(0, MEMBERS_PER_PAGE)
  const last = shown.at(-1)
  return {
    account,
    ...readOnlyOf(input, manages),
    noOwner: !input.hasOwner,
    ...(manages && { invite: { email: input.typed.email, roles: roleOptions(role, input.typed.role) } }),
    roles: ROLES.toReversed().map(name => ({ name: capitalised(name), text: capitalised(ROLE_WORDS[name]) })),
    members: shown.map(member => ({
      id: member.userId,
      initials: initialsOf(member.name ?? member.email),
      name: `${member.name ?? member.email}${member.userId === session.user.id ? ' (you)' : ''}`,
      email: member.name === null ? '' : member.email,
      role: capitalised(member.role),
      seen: member.userId === session.user.id ? 'Now' : agoText(member.seenAt, input.now),
      menu: menuOf(member, session, manages),
    })),
    invitations: input.invitations.map(invitation => invitationRow(invitation, input, manages)),
    ...(members.length > shown.length && last && { older: `/settings/members?after=${last.userId}` }),
    ...(input.after && { newest: '/settings/members' }),
    ...(!outside && { leaveHref: '/settings/members/leave' }),
    faults: input.faults,
  }
}

function readOnlyOf({ outside, session }: MembersPageInput, manages: boolean): Pick<MembersPage, 'readOnly'> {
  if (outside) {
    const text = `Who is a member of ${session.current.account.name}, and in which role, is decided where the account comes from.`
    return { readOnly: { strong: 'Managed elsewhere.', text } }
  }
  if (manages) return {}
  const text = `Inviting people and changing roles needs ${whoMay('manage_members')}.`
  return { readOnly: { strong: `You are ${session.current.role} here.`, text } }
}

/** The roles that somebody may give. */
export function roleOptions(own: Role, selected: string): OptionModel[] {
  return ROLES.filter(role => role !== 'owner' || roleAllows(own, 'manage_owners')).map(role => ({
    value: role,
    text: capitalised(role),
    selected: role === selected,
  }))
}

function menuOf(member: Member, { user, current }: Session, manages: boolean): MenuItem[] {
  const owners = roleAllows(current.role, 'manage_owners')
  if (!manages || member.userId === user.id || (member.role === 'owner' && !owners)) return []
  const base = `/settings/members/${member.userId}`
  const transfer = { href: `${base}/transfer`, text: 'Transfer ownership', icon: 'key', danger: false }
  return [
    { href: `${base}/role`, text: 'Change role', icon: 'write', danger: false },
    ...(owners ? [transfer] : []),
    { href: `${base}/remove`, text: 'Remove', icon: 'trash', danger: true },
  ]
}

function invitationRow(
  { id, email, role, expiresAt }: Invitation,
  { session, now }: MembersPageInput,
  manages: boolean,
): MembersPage['invitations'][number] {
  const acts = manages && (role !== 'owner' || roleAllows(session.current.role, 'manage_owners'))
  const base = `/settings/members/invitations/${id}`
  return {
    id,
    initials: initialsOf(email),
    email,
    role: capitalised(role),
    ends: expiresAt > now ? `Invitation ends on ${dateText(expiresAt)}` : `Invitation ended on ${dateText(expiresAt)}`,
    ...(acts && { acts: { resend: `${base}/resend`, revoke: `${base}/revoke` } }),
  }
}

function initialsOf(name: string): string {
  const words = name.split(/[\s.@_-]+/).filter(Boolean)
  return words
    .slice(0, 2)
    .map(word => Array.from(word)[0] ?? '')
    .join('')
    .toUpperCase()
}
