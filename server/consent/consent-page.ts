import { isDraft } from '../../apps-registry/find-app.ts'
import { badgeOf, deliveryHost, permissionModels, riskTag, siteOf } from '../../apps-registry/listing-page.ts'
import { keyPermissions } from '../../apps-registry/manifest.ts'
import { reviewMark } from '../../apps-registry/review-mark.ts'
import type { ConsentPage } from '../../views/models.ts'
import type { Catalog } from '../base/catalog.ts'
import type { Fault } from '../base/errors.ts'
import { capitalised, counted, dateMoment } from '../http/format.ts'
import { useLine } from '../keys/key-use-page.ts'
import { keptSeen, placeName } from './consent-answer.ts'
import type { Consideration } from './consider-install.ts'

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

/** What a person reads before they decide about an app. */
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
  const { app, permissions, place, existing, kept } = considered
  const shown = permissionModels(catalog, app.manifest, permissions)
  const isRead = (name: string) => catalog.find(entry => entry.name === name)?.access === 'read'
  const has = (risk: 'moves_money' | 'personal_data' | 'irreversible') =>
    catalog.some(entry => permissions.includes(entry.name) && entry.risks.includes(risk))
  const site = siteOf(app.manifest)
  return {
    action,
    version: app.version,
    shown: place ? placeName(place) : '',
    app: badgeOf(app),
    publisher: { name: app.platform.name, ...(site && { site }) },
    reviewed: reviewMark(app, review),
    draft: isDraft(app),
    ...(existing &&
      place && {
        installed: {
          href: `/apps/${existing.id}`,
          since: dateMoment(existing.createdAt),
          mode: capitalised(existing.mode),
          accountName: place.accountName,
          account: place.accountId,
          modeValue: existing.mode,
        },
      }),
    reads: shown.filter(permission => isRead(permission.name)),
    writes: shown.filter(permission => !isRead(permission.name)),
    keys: keysOf(considered, catalog),
    deliveryHost: deliveryHost(app),
    kept: kept.listed.map(key => ({
      name: key.name,
      redacted: key.redacted,
      use: useLine(key, considered.useOf(key.id), now),
    })),
    keptCount: kept.count,
    keptSeen: keptSeen(considered),
    ...(kept.latest !== null && { keptSince: dateMoment(kept.latest) }),
    keptChoice,
    accounts: considered.accounts.map(({ account, role }) => ({
      id: account.id,
      name: account.name,
      selected: account.id === place?.accountId,
      role: capitalised(role),
    })),
    ...(considered.accounts.length === 0 && { blocked: blockedBecause(considered) }),
    modes: considered.modes.map(value => ({ value, checked: value === place?.mode || considered.modes.length === 1 })),
    summary: { movesMoney: has('moves_money'), personalData: has('personal_data'), irreversible: has('irreversible') },
    returnHost,
    faults,
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

function blockedBecause({ app }: Consideration): NonNullable<ConsentPage['blocked']> {
  if (isDraft(app))
    return {
      strong: 'This app is not published yet.',
      text: 'Only owners and admins of the account that makes it can install it.',
    }
  if (app.status !== 'published')
    return { strong: 'This app cannot be installed now.', text: 'It was suspended or retired.' }
  return { strong: 'Your role does not let you install apps.', text: 'An owner or admin of the account can.' }
}
