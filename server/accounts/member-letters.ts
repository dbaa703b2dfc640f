import { type Letter, momentText } from '../mail/letter.ts'
import type { Role } from './account-store.ts'
import type { Invitation } from './invitation-store.ts'

/** What somebody may do in an account, after `You can`. */
export const ROLE_WORDS: Record<Role, string> = {
  owner: 'do everything, and decide who else is an owner',
  admin: 'install and uninstall apps, manage keys, and invite people',
  developer: 'install apps and manage keys in test mode, and work on drafts of apps',
  viewer: 'look, and request an install',
}

/** An invitation, with the only copy of its link. */
export function invitationLetter({
  invitation: { email, role, expiresAt },
  accountName,
  inviter,
  token,
}: {
  invitation: Invitation
  accountName: string
  inviter: string | undefined
  token: string
}): Letter {
  const who = inviter ?? accountName
  return {
    kind: 'invitation',
    subject: `You are invited to ${accountName}`,
    preview: `As ${role}. The link is valid until ${momentText(expiresAt)}.`,
    heading: `Join ${accountName}`,
    lede: `${who} invites you to ${accountName} as ${role}. You can ${ROLE_WORDS[role]}.`,
    facts: [
      { name: 'For', lines: [email] },
      { name: 'Valid until', lines: [momentText(expiresAt), 'Once, and for this address only'] },
    ],
    link: { text: 'See the invitation', path: `/invitations?token=${token}` },
    after: 'If you do not expect this, ignore it. Nothing happens until you accept.',
    audience: email,
  }
}

type Told = { accountName: string; email: string; at: number }

const membership = (
  { accountName, email, at }: Told,
  words: Pick<Letter, 'subject' | 'heading' | 'lede' | 'after'>,
  audience: string,
): Letter => ({
  ...words,
  kind: 'membership',
  preview: words.lede,
  facts: [
    { name: 'Account', lines: [accountName] },
    { name: 'Member', lines: [email] },
    { name: 'When', lines: [momentText(at)] },
  ],
  link: { text: 'Open the account', path: '/apps' },
  audience,
})

export function roleChangedLetter(told: Told & { from: Role; to: Role }): Letter {
  const { accountName, from, to } = told
  const heading = `You are ${to} of ${accountName}`
  const lede = `Your role was changed from ${from} to ${to}. You can ${ROLE_WORDS[to]}.`
  return membership(told, { subject: heading, heading, lede, after: 'An owner or admin can tell you why.' }, told.email)
}

export function removedLetter(told: Told): Letter {
  const heading = `You are no longer a member of ${told.accountName}`
  const lede = 'You were removed. Apps and keys stay with the account; you no longer see them.'
  return membership(told, { subject: heading, heading, lede, after: 'An owner can tell you why.' }, told.email)
}

/** For owners and admins: somebody joined or left. */
export function memberNewsLetter(told: Told & { news: 'joined' | 'left'; role: Role }): Omit<Letter, 'audience'> {
  const { email, news, role, accountName } = told
  const heading = `${email} ${news} ${accountName}`
  const lede = news === 'joined' ? `They accepted the invitation and are ${role}.` : `They were ${role}.`
  const after = 'Members and their roles are under Settings, Members.'
  return membership(told, { subject: heading, heading, lede, after }, '')
}

export function ownershipLetter(told: Told): Omit<Letter, 'audience'> {
  const heading = `${told.accountName} has a new owner`
  const lede = `Ownership was transferred to ${told.email}.`
  const after = 'If you did not expect this, write to the operator at once.'
  return membership(told, { subject: heading, heading, lede, after }, '')
}
