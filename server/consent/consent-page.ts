import { isDraft } from '../../apps-registry/find-app.ts'
import {
  badgeOf,
  deliveryHost,
  type PermissionModel,
  permissionModels,
  riskTag,
  siteOf,
} from '../../apps-registry/listing-page.ts'
import { keyPermissions } from '../../apps-registry/manifest.ts'
import { type ReviewMark, reviewMark } from '../../apps-registry/review-mark.ts'
import type { Catalog } from '../base/catalog.ts'
import type { Fault } from '../base/errors.ts'
import { capitalised, counted, dateMoment } from '../http/format.ts'
import type { AppBadge, FieldFault, Moment } from '../http/page-parts.ts'
import { useLine } from '../keys/key-use-page.ts'
import { keptSeen, targetName } from './consent-answer.ts'
import type { Consideration } from './consider-install.ts'

export type ConsentPage = {
  action: string
  /** The manifest version on the page; posted back, so that the consent is to this version. */
  version: number
  /** The account and mode of the page; posted back, so that another choice is shown before it takes effect. */
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
  /** Working keys of an earlier installation, with one choice for all of them. Empty: no choice. */
  kept: { name: string; redacted: string; use: string }[]
  /** The number of kept keys; more than are listed if there are many. */
  keptCount: number
  /** When the last of them was kept; posted back, so that the choice does not cover keys kept since. */
  keptSeen: string
  keptSince?: Moment
  /** Nothing is preselected; after a refused submit, the previous choice. */
  keptChoice: '' | 'leave' | 'expire'
  /** Accounts in which the person may install; more than one is a select. */
  accounts: { id: string; name: string; selected: boolean; role: string }[]
  /** Why it cannot be installed here; set if `accounts` is empty. */
  blocked?: { strong: string; text: string }
  /** One entry if the mode is fixed. */
  modes: { value: 'live' | 'test'; checked: boolean }[]
  summary: { movesMoney: boolean; personalData: boolean; irreversible: boolean }
  returnHost: string
  faults: FieldFault[]
}

declare module '../http/page-parts.ts' {
  interface Pages {
    consent: ConsentPage
  }
}

export type ConsentPageInput = {
  considered: Consideration
  catalog: Catalog
  review: 'required' | 'off'
  action: string
  /** Where the browser returns to afterwards. */
  returnHost: string
  now: number
  keptChoice: ConsentPage['keptChoice']
  faults: Fault[]
}

/** The consent page. */
export function consentPage({
  considered,
  catalog,
  review,
  action,
  returnHost,
  now,
  keptChoice,
  faults,
}: ConsentPageInput): ConsentPage {
  const { app, permissions, target } = considered
  const shown = permissionModels(catalog, app.manifest, permissions)
  const isRead = (name: string) => catalog.find(entry => entry.name === name)?.access === 'read'
  const has = (risk: 'moves_money' | 'personal_data' | 'irreversible') =>
    catalog.some(entry => permissions.includes(entry.name) && entry.risks.includes(risk))
  const site = siteOf(app.manifest)
  return {
    action,
    version: app.version,
    shown: target ? targetName(target) : '',
    app: badgeOf(app),
    publisher: { name: app.platform.name, ...(site && { site }) },
    reviewed: reviewMark(app, review),
    draft: isDraft(app),
    ...installedOf(considered),
    reads: shown.filter(permission => isRead(permission.name)),
    writes: shown.filter(permission => !isRead(permission.name)),
    keys: keysOf(considered, catalog),
    deliveryHost: deliveryHost(app),
    ...keptOf(considered, now),
    keptChoice,
    accounts: considered.accounts.map(({ account, role }) => ({
      id: account.id,
      name: account.name,
      selected: account.id === target?.accountId,
      role: capitalised(role),
    })),
    ...(considered.accounts.length === 0 && { blocked: blockedBecause(considered) }),
    modes: considered.modes.map(value => ({ value, checked: value === target?.mode || considered.modes.length === 1 })),
    summary: { movesMoney: has('moves_money'), personalData: has('personal_data'), irreversible: has('irreversible') },
    returnHost,
    faults,
  }
}

function installedOf({ existing, target }: Consideration): Pick<ConsentPage, 'installed'> {
  if (!existing || !target) return {}
  return {
    installed: {
      href: `/apps/${existing.id}`,
      since: dateMoment(existing.createdAt),
      mode: capitalised(existing.mode),
      accountName: target.accountName,
      account: target.accountId,
      modeValue: existing.mode,
    },
  }
}

function keptOf(considered: Consideration, now: number) {
  const { kept } = considered
  return {
    kept: kept.listed.map(key => ({
      name: key.name,
      redacted: key.redacted,
      use: useLine(key, considered.useOf(key.id), now),
    })),
    keptCount: kept.count,
    keptSeen: keptSeen(considered),
    ...(kept.latest !== null && { keptSince: dateMoment(kept.latest) }),
  }
}

function keysOf({ app, permissions }: Consideration, catalog: Catalog): ConsentPage['keys'] {
  return keyPermissions(app.manifest, permissions)
    .filter(key => key.permissions.length > 0)
    .map(key => ({
      name: key.name,
      permissions:
        key.permissions.length === permissions.length
          ? `All ${counted(permissions.length, 'permission')}`
          : key.permissions.join(', '),
      tag: riskTag(catalog, key.permissions),
    }))
}

function blockedBecause({ app, asked }: Consideration): NonNullable<ConsentPage['blocked']> {
  if (isDraft(app))
    return {
      strong: 'This app is not published yet.',
      text: 'Only owners and admins of its own account can install it.',
    }
  if (app.status !== 'published')
    return { strong: 'This app cannot be installed now.', text: 'It was suspended or retired.' }
  if (asked.length === 1 && asked[0] === 'live')
    return {
      strong: 'Your role does not let you install apps in live mode.',
      text: 'An owner or admin of the account can.',
    }
  return { strong: 'Your role does not let you install apps.', text: 'An owner or admin of the account can.' }
}
