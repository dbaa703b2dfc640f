/**
 * What an entry says. `{actor}`, `{object}`, `{app}` and `{account}` stand for names, every other slot for a value of the
 * entry's data. A part in brackets is left out where one of its slots has no value. `alone` is said where the server
 * itself has acted.
 */
export type Sentence = string | { by: string; alone: string }

const OF_APP = '[ of {app}][ in {account}]'

const KEYS: Record<string, Sentence> = {
  'key.created': `{actor} created the key {object}${OF_APP}`,
  'key.edited': `{actor} edited the key {object}${OF_APP}[: {changed}]`,
  'key.expired': { by: `{actor} expired the key {object}${OF_APP}`, alone: `The key {object}${OF_APP} expired` },
  'key.frozen': `{actor} froze the key {object}${OF_APP}[ until {until}]`,
  'key.unfrozen': `{actor} unfroze the key {object}${OF_APP}`,
  'key.leaked': `The key {object}${OF_APP} was reported as leaked and is frozen`,
  'key.not_delivered': 'A key of {app}[ in {account}] could not be delivered',
  'key.rotated': {
    by: `{actor} rotated the key {object}${OF_APP}[ with an overlap of {overlap_seconds}]`,
    alone: `The key {object}${OF_APP} was replaced[ with an overlap of {overlap_seconds}]`,
  },
}

const INSTALLATIONS: Record<string, Sentence> = {
  'install.requested': '{actor} requested {app}[ in {mode} mode][: {note}]',
  'install.request_declined': '{actor} declined a request for {app}[ in {mode} mode][: {note}]',
  'install.request_approved': '{actor} approved a request for {app}[ in {mode} mode]',
  'installation.created': '{actor} installed {app}[ in {account}][ in {mode} mode]',
  'installation.active': '{app}[ in {account}] acknowledged its keys',
  'installation.delivery_failed': 'The keys of {app}[ in {account}] could not be delivered',
  'installation.retried': '{actor} tried to install {app}[ in {account}] again',
  'installation.updated': {
    by: '{actor} removed permissions from {app}[ in {account}][: {removed}]',
    alone: 'Permissions of {app}[ in {account}] were removed[: {removed}]',
  },
  'installation.suspended': '{actor} suspended {app}[ in {account}]',
  'installation.resumed': '{actor} resumed {app}[ in {account}]',
  'installation.uninstalled': {
    by: '{actor} uninstalled {app}[ in {account}]',
    alone: '{app}[ in {account}] was uninstalled',
  },
}

const APPS: Record<string, Sentence> = {
  'app.registered': '{actor} registered {app}',
  'app.updated': '{actor} updated {app}[ to version {version}]',
  'app.submitted': '{actor} submitted {app} for review',
  'app.sent_back': '{actor} returned {app} from review',
  'app.published': '{actor} published {app}',
  'app.suspended': '{actor} suspended {app} for everyone',
  'app.resumed': '{actor} resumed {app} for everyone',
  'app.retired': '{actor} retired {app}',
  'app.delivery_host_changed': '{actor} changed where keys of {app} are sent[ from {from}][ to {to}]',
  'app.recipient_key_changed': '{actor} changed the encryption key of {app}[ from {from}][ to {to}]',
  'app.client_secret_replaced': '{actor} replaced the client secret of {app}',
  'app.webhook_secret_rotated': '{actor} rotated the webhook secret of {app}',
  'app.registration_token_issued': '{actor} issued a registration token for {app}',
  'app.registration_token_ended': '{actor} ended the registration token of {app}',
  'app.test_delivery_sent': '{actor} sent a test delivery to {app}',
  'delivery.redelivered': '{actor} sent a delivery[ of {app}] again[: {type}]',
  'deliveries.resumed': '{actor} resumed deliveries to {app}',
  'platform.created': '{actor} opened the publisher profile {object}',
  'platform.token_created': '{actor} created a registration token for {object}',
  'platform.token_revoked': '{actor} revoked a registration token of {object}',
  'platform.token_rotated': '{actor} made a new registration token for {object}',
}

const PEOPLE: Record<string, Sentence> = {
  'account.created': '{actor} created the account',
  'session.started': '{actor} signed in',
  'session.ended': '{actor} signed out',
  'account.changed': '{actor} changed the account[: {fields}]',
  'account.ownership_transferred': '{actor} transferred the ownership to {object}',
  'invitation.sent': '{actor} invited {email}[ with the role {role}]',
  'invitation.resent': '{actor} sent the invitation of {email} again',
  'invitation.revoked': '{actor} revoked the invitation of {email}',
  'member.joined': '{actor} accepted an invitation[ with the role {role}]',
  'member.left': '{object} left the account',
  'member.added': '{actor} added {object} as a member[ with the role {role}]',
  'member.role_changed': '{actor} changed the role of {object}[ to {role}][ from {from}][ to {to}]',
  'member.removed': '{actor} removed {object} from the account',
  'user.created': '{actor} created the user {object}',
  'user.changed': '{actor} changed the user {object}[: {fields}]',
  'authenticator.added': '{actor} set up an authenticator app',
  'authenticator.removed': '{actor} removed the authenticator app',
  'recovery_codes.replaced': '{actor} made new recovery codes',
  'password.changed': '{actor} changed their password',
  'password.reset': '{actor} reset their password',
}

const PROGRAMS: Record<string, Sentence> = {
  'admin_key.created': '{actor} created the admin key {object}',
  'admin_key.revoked': '{actor} revoked the admin key {object}',
  'verifier.created': '{actor} created the verifier key {object}',
  'verifier.revoked': '{actor} revoked the verifier key {object}',
}

/** Every kind of entry; a test finds kinds that are recorded and not in this table. */
export const SENTENCES: Readonly<Record<string, Sentence>> = {
  ...KEYS,
  ...INSTALLATIONS,
  ...APPS,
  ...PEOPLE,
  ...PROGRAMS,
  'activity.exported': '{actor} exported activity[ of {app}] as {format}',
  'activity.tampered': 'Somebody changed this log outside {actor}',
}

/** Kinds of entries by subject, as filters name them: the first part of `what`. */
export const SUBJECTS = {
  keys: { text: 'Keys', prefixes: ['key'] },
  apps: { text: 'Installed apps', prefixes: ['install', 'installation'] },
  publishing: { text: 'Published apps', prefixes: ['app', 'delivery', 'deliveries', 'platform'] },
  people: {
    text: 'Members and sign-in',
    prefixes: ['account', 'authenticator', 'invitation', 'member', 'password', 'recovery_codes', 'session', 'user'],
  },
  programs: { text: 'Programs of the operator', prefixes: ['admin_key', 'verifier'] },
  log: { text: 'This log', prefixes: ['activity'] },
} as const satisfies Record<string, { text: string; prefixes: readonly string[] }>

export type Subject = keyof typeof SUBJECTS

export function isSubject(text: string): text is Subject {
  return Object.hasOwn(SUBJECTS, text)
}

/** The kinds of one subject. */
export function kindsOf(subject: Subject): string[] {
  const prefixes: readonly string[] = SUBJECTS[subject].prefixes
  return Object.keys(SENTENCES).filter(what => prefixes.includes(what.split('.')[0] ?? ''))
}
