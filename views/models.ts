/**
 * What each page is given. Routes build these; the templates beside this file only loop and branch over them.
 * Everything is text that is ready to be shown: no template formats a time, a number or a state.
 */

import type { Viewer } from '../server/http/viewer.ts'

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'none'

/** A moment: machine-readable and as people read it (UTC). */
export type Moment = { iso: string; text: string }

/** A state as a word with its tone; `waiting` draws a hollow dot; `note` is the small line below. */
export type StatusModel = { text: string; tone: Tone; waiting?: boolean; note?: string }

export type NoticeModel = { tone: Tone; strong: string; text: string; action?: { href: string; text: string } }

export type NavItem = 'marketplace' | 'apps' | 'keys' | 'activity' | 'platform' | 'none'

/** Given to every page by the renderer. */
export type Frame = {
  brand: { name: string; logo: string }
  /** Without brand; the layout appends it, and puts "Error: " before it where `faults` is not empty. */
  title: string
  nav: NavItem
  viewer?: Viewer
  /** The path one is on, for the way back after switching accounts. */
  here: string
  flash?: NoticeModel
  requestId: string
}

/** One fault of a submitted form: the id of the control and a sentence. */
export type FieldFault = { field: string; message: string }

export type AppBadge = { name: string; logo: string }

export type PermissionModel = {
  name: string
  sentence: string
  /** The platform's words; escaped. */
  purpose: string
  icon: 'read' | 'write' | 'money' | 'warning'
  risky: boolean
  tags: { text: string; warn: boolean }[]
}

export type SignInPage = {
  values: { email: string }
  faults: FieldFault[]
  returnTo: string
  waiting?: AppBadge
  lede: string
  /** Set where somebody is signed in and is asked all the same; posted back. */
  again?: 'password' | 'choice'
  /** *Continue as …*, where that is enough. */
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

export type AppCard = {
  href: string
  app: AppBadge
  publisher: string
  tagline: string
  installed: boolean
  keys: string
  tag: { text: string; warn: boolean }
}
/** What is said of an app's review; nothing where this instance reviews none. */
export type ReviewMark = 'reviewed' | 'changed' | 'unreviewed' | 'off'

export type MarketplacePage = {
  /** Whether apps are reviewed before they are listed. */
  reviews: boolean
  query: string
  /** Empty: of all. */
  category: string
  categories: { text: string; href: string; current: boolean }[]
  apps: AppCard[]
  pages: { text: string; href: string }[]
}

export type ListingPage = {
  app: AppBadge
  tagline: string
  /** Paragraphs of plain text. */
  description: string[]
  publisher: { name: string; site?: { host: string; href: string } }
  /** Where *Install* leads (a GET form): to our consent page, or by way of us to the app's `install_uri`. */
  installAction: string
  reviewed: ReviewMark
  draft: boolean
  version: { number: number; date: Moment }
  permissions: PermissionModel[]
  keys: string[]
  deliveryHost: string
  categories: { text: string; href: string }[]
  help: { text: string; href: string }[]
  /** Installations of this app in the viewer's account that are not uninstalled. */
  installations: { href: string; mode: string }[]
}

export type ConsentPage = {
  action: string
  /** The manifest version that is shown; posted back, so that nobody consents to another one. */
  version: number
  /** Account and mode that the page speaks of; posted back, so that another choice is shown before it is acted upon. */
  shown: string
  app: AppBadge
  publisher: { name: string; site?: { host: string; href: string } }
  reviewed: ReviewMark
  draft: boolean
  /** An installed app: the page shows the installation with *Continue* and *Cancel*; nothing is minted. */
  installed?: { href: string; since: Moment; mode: string; accountName: string; account: string; modeValue: string }
  reads: PermissionModel[]
  writes: PermissionModel[]
  keys: { name: string; permissions: string; tag: { text: string; warn: boolean } }[]
  deliveryHost: string
  /** Keys of an earlier installation that still work, one question for all of them. Empty: not asked. */
  kept: { name: string; redacted: string; use: string }[]
  /** How many there are; more than are listed where there are many. */
  keptCount: number
  /** When the last of them was kept; posted back, so that nobody decides about keys that were kept since. */
  keptSeen: string
  keptSince?: Moment
  /** Nothing is preselected; after a refused submit what was chosen. */
  keptChoice: '' | 'leave' | 'expire'
  /** Accounts in which the person may install; more than one is a select. */
  accounts: { id: string; name: string; selected: boolean; role: string }[]
  /** Why nobody here can install it; set where `accounts` is empty. */
  blocked?: { strong: string; text: string }
  /** One entry where the mode is fixed. */
  modes: { value: 'live' | 'test'; checked: boolean }[]
  summary: { movesMoney: boolean; personalData: boolean; irreversible: boolean }
  returnHost: string
  faults: FieldFault[]
}

export type RouteStep = { title: string; text: string; state: 'done' | 'now' | 'failed' | 'todo' }

/** The way of each key to the platform. `phase` picks among on its way, failing, failed for good, and done. */
export type InstallingPage = {
  app: AppBadge
  phase: 'underway' | 'retrying' | 'failed' | 'done'
  heading: string
  lede: string
  keys: { name: string; redacted: string; status: StatusModel; steps: RouteStep[]; acknowledged: string }[]
  deliveryHost: string
  notice?: NoticeModel
  installationHref: string
  /** POST target of *Send again now* (phase `retrying`) or *Try again* (phase `failed`). */
  retryAction?: string
  /** `setup_uri`, once done. */
  continueHref?: string
}

export type InstalledAppsPage = {
  accountName: string
  apps: { href: string; app: AppBadge; test: boolean; note: string; status: StatusModel; tryAgainHref?: string }[]
  kept: { href: string; app: AppBadge; test: boolean; note: string; status: StatusModel }[]
  /** The next page of each list, and back to the first. */
  older?: string
  olderKept?: string
  newest?: string
}

export type KeyRow = {
  id: string
  name: string
  redacted: string
  test: boolean
  managedBy: AppBadge
  managedNote?: string
  /** A restricted key is drawn with a person instead of a mark. */
  byPerson?: boolean
  permissions: string[]
  /** Where it may be used from, unless that is anywhere. */
  addressNote?: string
  lastUsed: string
  /** Calls of the last seven days; on the keys page only. */
  spark?: SparkModel
  created: string
  status: StatusModel
  /** Absent where it cannot be expired any more or the viewer's role does not allow it. */
  expireHref?: string
  /** Absent where it cannot be rotated: kept, expired, or not for this role. */
  rotateHref?: string
  editHref?: string
  /** At most one of the two. */
  freezeHref?: string
  unfreezeHref?: string
}

export type SparkModel = { label: string; bars: { x: number; y: number; height: number; none: boolean }[] }

export type OptionModel = { value: string; text: string; selected: boolean }

export type InstallationPage = {
  app: AppBadge
  status: StatusModel
  subtitle: string
  openHref?: string
  notices: NoticeModel[]
  uninstallHref?: string
  /** *Suspend* asks in a dialog first; *Resume* needs no question. */
  suspend?: { action: string; title: string; text: string }
  resumeAction?: string
  progressHref?: string
  tryAgainAction?: string
  facts: { label: string; text: string; code?: boolean }[]
  keys: KeyRow[]
  permissions: PermissionModel[]
  /** What can be said about unused permissions, in a sentence; absent where they are listed. */
  useNote?: string
  /** Permissions never used in 30 days; `action` is absent for whoever may not take them away. */
  unused?: {
    permissions: PermissionModel[]
    lede: string
    /** With blanks between them. */
    names: string
    notes: string[]
    action?: string
    button: string
  }
  deliveries: { title: string; type: string; sent: string; attempts: number; status: StatusModel }[]
  /** The next page of each list. */
  olderKeys?: string
  olderDeliveries?: string
}

export type UninstallPage = {
  action: string
  app: AppBadge
  subtitle: string
  backHref: string
  keys: {
    name: string
    redacted: string
    tag?: { text: string; warn: boolean }
    lastUsed: string
    calls24h: string
    calls7d: string
    /** What would happen if it expired now. */
    sentence: string
    from: { text: string; more?: { text: string; list: string[] } }
  }[]
  expireNote: string
  keepNote: string
  untilNote: string
  /** ISO dates that bound the calendar. */
  untilMin: string
  untilMax: string
  choice: '' | 'expire' | 'keep' | 'until'
  until: string
  /** Keys that the table has no room for, in a sentence. */
  others?: string
  /** Whether there is any key left to ask about; without one the radios are not shown. */
  asks: boolean
  faults: FieldFault[]
}

export type UninstalledPage = {
  app: AppBadge
  subtitle: string
  keys: { name: string; redacted: string; note: string; status: StatusModel }[]
  anyKept: boolean
  /** The next page of the keys. */
  older?: string
  site?: { host: string; href: string }
}

export type KeysPage = {
  /** Live or test; each link keeps what else is chosen. */
  modes: { text: string; href: string; current: boolean }[]
  /** The mode that is shown, sent along with the rest of the filter. */
  mode: string
  statuses: OptionModel[]
  managers: OptionModel[]
  filtered: boolean
  keys: KeyRow[]
  /** Absent for a role that makes none. */
  createHref?: string
  older?: string
  newest?: string
}

/** *Create restricted key*, and *Edit* of either kind. */
export type KeyFormPage = {
  action: string
  heading: string
  lede: string
  button: string
  /** The one-time name of this form. */
  form?: string
  /** The key that is edited, and how it was when the page was opened. */
  key?: { redacted: string; managedBy: string }
  seen?: string
  values: { name: string; note: string; addresses: string; expiresOn: string }
  /** Absent: the account does not set it. */
  shows: { text: boolean; deadline: boolean }
  /** Empty where the mode is given. */
  modes: { value: 'live' | 'test'; text: string; note: string; checked: boolean }[]
  permissionsHint: string
  resources: {
    name: string
    permissions: { name: string; sentence: string; checked: boolean; tags: { text: string; warn: boolean }[] }[]
  }[]
  addressesHint: string
  deadlineHint: string
  deadlineMin: string
  faults: FieldFault[]
}

/** The only page that ever shows a key. */
export type KeyCreatedPage = {
  heading: string
  lede: string
  key: { name: string; plaintext: string }
  facts: { label: string; text: string; code?: boolean }[]
  notice?: NoticeModel
  verify: string
}

export type FreezeKeyPage = {
  action: string
  heading: string
  lede: string
  key: { name: string; redacted: string; managedBy: AppBadge; byPerson: boolean; note: string }
  inUse?: string
  choices: { value: string; text: string; note: string; checked: boolean; first: boolean }[]
  faults: FieldFault[]
}

export type UnfreezeKeyPage = {
  action: string
  lede: string
  key: FreezeKeyPage['key']
  /** Found in public: the person has to say that they know. */
  leaked: boolean
  faults: FieldFault[]
}

export type ExpireKeyPage = {
  action: string
  /** What the person sees of its state; sent back. */
  seen: string
  key: FreezeKeyPage['key']
  facts: { label: string; text: string }[]
  /** What would happen if it expired now. */
  sentence: string
  inUse: boolean
  rotateHref?: string
}

export type RotateKeyPage = {
  action: string
  lede: string
  key: FreezeKeyPage['key']
  choices: { value: string; text: string; note: string; checked: boolean; first: boolean }[]
  /** When the new key is there, for the drawing. */
  arrival: string
  reason: string
  reasonHint: string
  /** The one-time name of this form, where its answer shows a key. */
  form?: string
  /** Set where a rotation is under way: it has to be said that another one is meant. */
  underway?: string
  faults: FieldFault[]
}

/** A secret that is shown in the answer that made it and never again. */
export type SecretOncePage = {
  crumb: { href: string; text: string }
  heading: string
  lede: string
  secrets: { id: string; label: string; value: string; hint: string }[]
  doneHref: string
}

export type PlatformHomePage = {
  mayManage: boolean
  /** Empty where the account publishes nothing yet: the page offers to begin. */
  platforms: { id: string; name: string; tokenAction: string; tokens: { redacted: string; made: string }[] }[]
  values: { name: string }
  faults: FieldFault[]
  /** Names what the figures are of. */
  statsTitle: string
  stats: { label: string; value: string; note?: string }[]
  apps: { href: string; app: AppBadge; id: string; note: string; installed: string; status: StatusModel }[]
  pages: { text: string; href: string }[]
  registerAddress: string
}

export type VersionModel = {
  title: string
  note: string
  status: StatusModel
  changes: { kind: 'added' | 'removed' | 'same'; text: string; note: string; name: string }[]
}

export type DeliveryRowModel = {
  href: string
  type: string
  eventId: string
  account: string
  attempts: number
  last: string
  status: StatusModel
  /** Absent where it cannot be sent again, or not by this role. */
  redeliverAction?: string
}

export type PlatformAppPage = {
  app: AppBadge
  id: string
  status: StatusModel
  notices: NoticeModel[]
  pingAction?: string
  submitAction?: string
  listingHref?: string
  facts: { label: string; text: string; code?: boolean }[]
  versions: VersionModel[]
  /** As registered, without secrets. */
  manifest: string
  clientId: string
  clientSecret: { note: string; replaceAction?: string }
  webhookSecret: { note: string; rotateAction?: string }
  registrationToken: { note: string; issueAction?: string; endAction?: string }
  encryptionKey: string
  installations: {
    id: string
    account: string
    note: string
    status: StatusModel
    /** *Suspend* asks in a dialog first; *Resume* needs no question. */
    suspendAction?: string
    resumeAction?: string
  }[]
  olderInstallations?: string
  filters: { text: string; href: string; current: boolean }[]
  deliveries: DeliveryRowModel[]
  olderDeliveries?: string
}

export type PlatformDeliveryPage = {
  app: { name: string; href: string }
  type: string
  status: StatusModel
  to: string
  redeliverAction?: string
  facts: { label: string; text: string; code?: boolean }[]
  /** What the attempts so far mean for what comes. */
  attemptsNote: string
  attempts: {
    number: number
    sent: Moment
    answer: StatusModel
    took: string
    /** The platform's words; escaped. */
    body?: { size: string; text: string }
    note: string
  }[]
  head: string
  body: string
}

type AskedPermission = { index: number; name: string; sentence: string; chosen: boolean; purpose: string }

export type RegisterAppPage = {
  /** What the app will be called by; posted back, so that a second press makes no second app. */
  id: string
  faults: FieldFault[]
  /** Whether it was the JSON that was refused. */
  pasted: boolean
  manifest: string
  /** More than one is a select. */
  platforms: { id: string; name: string; selected: boolean }[]
  values: {
    client_name: string
    tagline: string
    description: string
    redirect_uri: string
    key_delivery_uri: string
    jwks_uri: string
  }
  permissions: AskedPermission[]
  /** The rest of the catalogue, folded. */
  more: AskedPermission[]
  keys: { id: string; label: string; name: string; reading: boolean }[]
}

export type ActivityPage = {
  rows: { at: Moment; actor: string; what: string; object: string; address: string }[]
  older?: string
}

/** Goes on to an address of somebody else by itself. */
export type LeavingPage = { host: string; href: string }

/** Posts the answer of an authorization request to a platform. */
export type PostingPage = { host: string; href: string; fields: { name: string; value: string }[] }

export type ErrorPage = {
  status: number
  heading: string
  text: string
  actions: { href: string; text: string; primary: boolean }[]
}
