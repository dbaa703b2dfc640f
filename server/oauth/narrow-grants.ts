import type { AdapterPayload, AuthorizationDetail, Provider } from 'oidc-provider'
import { withdrawnFrom } from '../../apps-registry/withdrawals.ts'
import type { Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import { hashSecret } from '../base/secret-format.ts'
import {
  type FoundRecord,
  lockRecordsOfApp,
  lockRecordsOfInstallation,
  type OAuthRecord,
  updatePayload,
} from './record-store.ts'
import { openPayload, sealPayload } from './sealed-payload.ts'

/** These keep the requested scope, so that a client can request the same again; the grant limits what it gets. */
const BOUND_BY_GRANT = ['AuthorizationCode', 'RefreshToken']

/**
 * Removes permissions from every grant of an app and from its tokens. Call it last: it waits for no lock, so it cannot
 * be part of a deadlock.
 */
export async function narrowGrants(
  tx: Tx,
  caps: Pick<Caps, 'keyring'>,
  appId: string,
  removed: readonly string[],
): Promise<void> {
  await narrowRecords(tx, caps, await lockRecordsOfApp(tx, hashSecret(appId)), removed)
}

/** The same for the grants of one installation. Call it last, too. */
export async function narrowInstallationGrants(
  tx: Tx,
  caps: Pick<Caps, 'keyring'>,
  installationId: string,
  removed: readonly string[],
): Promise<void> {
  await narrowRecords(tx, caps, await lockRecordsOfInstallation(tx, installationId), removed)
}

async function narrowRecords(
  tx: Tx,
  { keyring }: Pick<Caps, 'keyring'>,
  records: readonly OAuthRecord[],
  removed: readonly string[],
): Promise<void> {
  for (const record of records) {
    const payload = openPayload(keyring, record)
    const narrowed = narrow(payload, new Set(removed))
    if (BOUND_BY_GRANT.includes(record.model)) narrowed['scope'] = payload['scope']
    await updatePayload(tx, record, sealPayload(keyring, record, narrowed))
  }
}

/** A record of a grant without the permissions that its app has removed, whether its row is updated yet or not. */
export function narrowedNow(payload: AdapterPayload, record: FoundRecord): AdapterPayload {
  const { withdrawals, consented_version: version } = record
  if (withdrawals === null || version === null) return payload
  const narrowed = narrow(payload, new Set(withdrawnFrom(JSON.parse(withdrawals), version)))
  if (BOUND_BY_GRANT.includes(record.model)) narrowed['scope'] = payload['scope']
  return narrowed
}

/** Introspection of a refresh token returns the scope that its grant still allows. */
export function introspectByGrant(provider: Provider): void {
  provider.use(async (ctx, next) => {
    await next()
    const { Grant, RefreshToken } = ctx['oidc']?.entities ?? {}
    const body = ctx.body as { active?: boolean } | undefined
    if (ctx['oidc']?.route !== 'introspection' || !Grant || !RefreshToken || !body?.active) return
    ctx.body = { ...body, scope: Grant.getOIDCScopeFiltered(RefreshToken.scopes) || undefined }
  })
}

type Grantlike = AdapterPayload & {
  openid?: { scope?: string }
  resources?: Record<string, string>
}

function narrow(payload: Grantlike, removed: ReadonlySet<string>): AdapterPayload {
  const left = (scope: string) =>
    scope
      .split(' ')
      .filter(name => !removed.has(name))
      .join(' ')
  const { scope, openid, resources, rar } = payload
  return {
    ...payload,
    ...(scope !== undefined && { scope: left(scope) }),
    ...(openid?.scope !== undefined && { openid: { ...openid, scope: left(openid.scope) } }),
    ...(resources && {
      resources: Object.fromEntries(Object.entries(resources).map(([resource, names]) => [resource, left(names)])),
    }),
    ...(Array.isArray(rar) && { rar: rar.map(detail => narrowDetail(detail, removed)) }),
  }
}

function narrowDetail(detail: AuthorizationDetail, removed: ReadonlySet<string>): AuthorizationDetail {
  const permissions = detail['permissions']
  return Array.isArray(permissions)
    ? { ...detail, permissions: permissions.filter(name => !removed.has(name)) }
    : detail
}
