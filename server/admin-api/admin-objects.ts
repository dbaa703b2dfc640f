import type { z } from 'zod'
import type { App } from '../../apps-registry/find-app.ts'
import type { Platform, TokenRow } from '../../apps-registry/manage-platforms.ts'
import { namesOf } from '../../apps-registry/manifest.ts'
import type { AccountRecord, MemberRecord, UserRecord } from '../accounts/find-people.ts'
import { isoTime } from '../base/clock.ts'
import { ERRORS } from '../base/errors.ts'
import type { DeliveryWithAttempts } from '../deliveries/list-deliveries.ts'
import type { Installed } from '../installs/install-for-accounts.ts'
import type { Key } from '../keys/find-keys.ts'
import type { Verifier as VerifierKey } from '../keys/verifiers.ts'
import { deliveryObject, installationObject, keyObject, timeOrNull } from '../platform-api/api-objects.ts'
import type * as schemas from './admin-schemas.ts'

export function accountObject(account: AccountRecord): z.infer<typeof schemas.Account> {
  const { id, name, external_id, created_at } = account
  return { id, name, external_id, created_at: isoTime(created_at) }
}

export function userObject(user: UserRecord): z.infer<typeof schemas.User> {
  const { id, email, name, external_id, operator, created_at } = user
  return { id, email, name, external_id, operator: Boolean(operator), created_at: isoTime(created_at) }
}

export function memberObject(member: MemberRecord): z.infer<typeof schemas.Member> {
  const { user_id, external_id, email, name, role, created_at } = member
  return { user_id, external_id, email, name, role, created_at: isoTime(created_at) }
}

/** What became of one account of a bulk call. */
export function bulkResult(result: Installed, app: App): z.infer<typeof schemas.InstallResults>['results'][number] {
  const { account } = result
  if (!('error' in result)) return { account, installation: installationObject(result.installation, app) }
  const { code, status, title } = ERRORS[result.error.code]
  const { detail } = result.error
  return { account, error: { code, status, title, ...(detail && { detail }) } }
}

export function appObject(app: App): z.infer<typeof schemas.App> {
  return {
    id: app.id,
    name: app.manifest.client_name,
    slug: app.slug,
    status: app.status,
    platform: { id: app.platform.id, name: app.platform.name, account_id: app.platform.accountId },
    permissions: namesOf(app.manifest),
    version: app.version,
    latest_version: app.latestVersion,
    published_at: timeOrNull(app.publishedAt),
  }
}

export function platformObject({ id, accountId, name }: Platform): z.infer<typeof schemas.Platform> {
  return { id, account_id: accountId, name }
}

export function tokenObject({ id, redacted, created_at }: TokenRow): z.infer<typeof schemas.RegistrationToken> {
  return { id, redacted, created_at: isoTime(created_at) }
}

export function adminKeyObject(key: Key, now: number): z.infer<typeof schemas.Key> {
  return { ...keyObject(key, now), account_id: key.accountId, app_id: key.appId }
}

export function adminDeliveryObject(delivery: DeliveryWithAttempts): z.infer<typeof schemas.Delivery> {
  return { ...deliveryObject(delivery), app_id: delivery.app_id }
}

export function verifierObject(verifier: VerifierKey): z.infer<typeof schemas.Verifier> {
  return {
    id: verifier.id,
    name: verifier.name,
    redacted: verifier.redacted,
    status: verifier.revokedAt === null ? 'active' : 'revoked',
    created_at: isoTime(verifier.createdAt),
    revoked_at: timeOrNull(verifier.revokedAt),
  }
}
