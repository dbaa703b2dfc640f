import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { z } from 'zod'
import type { Mode } from '../base/mode.ts'
import { isStandardScope, STANDARD_SCOPES, scopeNames } from './scopes.ts'
import { sentParameters } from './sent-parameters.ts'

const detailSchema = z.strictObject({
  type: z.literal('installation'),
  permissions: z.array(z.string()).min(1).optional(),
  mode: z.enum(['live', 'test']).optional(),
})

/** The request of a platform in `authorization_details` (RFC 9396), besides or instead of `scope` and `mode`. */
export type InstallationDetail = z.infer<typeof detailSchema>

/** Checks one entry of `authorization_details`. Throws `invalid_authorization_details`. */
export function checkInstallationDetail(_ctx: unknown, detail: unknown): void {
  const parsed = detailSchema.safeParse(detail)
  if (parsed.success) return
  const [issue] = parsed.error.issues
  throw new errors.InvalidAuthorizationDetails(`${issue?.path.join('.')}: ${issue?.message}`)
}

export type InstallationRequest = {
  /** Absent: the person chooses, with a default. */
  mode: Mode | undefined
  permissions: string[]
}

/**
 * Reads the requested installation from an authorization request: the permissions in `scope` and
 * `authorization_details`, or all of the manifest's if none is named.
 */
export function readInstallationRequest(
  params: Record<string, unknown>,
  manifestPermissions: readonly string[],
): InstallationRequest {
  const known = new Set(manifestPermissions)
  const details = detailsOf(params['authorization_details'])
  const scopes = scopeNames(params['scope'])
  const named = new Set([
    ...scopes.filter(scope => known.has(scope)),
    ...details.flatMap(detail => detail.permissions ?? []),
  ])
  const mode = typeof params['mode'] === 'string' ? params['mode'] : details.find(detail => detail.mode)?.mode
  return {
    mode: mode === 'live' || mode === 'test' ? mode : undefined,
    permissions: named.size === 0 ? [...known] : manifestPermissions.filter(name => named.has(name)),
  }
}

function detailsOf(text: unknown): InstallationDetail[] {
  if (typeof text !== 'string') return []
  const parsed = z.array(detailSchema).safeParse(JSON.parse(text))
  return parsed.success ? parsed.data : []
}

/**
 * oidc-provider calls this for every authorization request, with or without `mode`, after it has refused permissions
 * that the app does not declare. Unknown scopes are ignored (OIDC Core §3.1.2.1), and a request without permissions
 * gets all of the manifest's: without any scope it would end in `access_denied`.
 */
export function checkInstallationRequest(ctx: KoaContextWithOIDC, mode: string | undefined): void {
  const { params, client } = ctx.oidc
  if (!params || !client) return
  if (mode !== undefined && mode !== 'live' && mode !== 'test')
    throw new errors.InvalidRequest('mode must be live or test')
  const allowed = new Set(scopeNames(client.scope))
  const details = detailsOf(params['authorization_details'])
  const stray = details.flatMap(detail => detail.permissions ?? []).find(name => !allowed.has(name))
  if (stray !== undefined)
    throw new errors.InvalidScope('requested scope is not among the permissions of the app', stray)
  if (new Set([mode, ...details.map(detail => detail.mode)].filter(value => value !== undefined)).size > 1) {
    throw new errors.InvalidRequest('mode and authorization_details name different modes')
  }
  const manifest = [...allowed].filter(name => !isStandardScope(name))
  const { permissions } = readInstallationRequest(params, manifest)
  params['scope'] = [...standardScopes(ctx), ...permissions].join(' ') || 'openid'
}

/**
 * The supported standard scopes. oidc-provider drops `offline_access` unless the request has `prompt=consent`; here a
 * person always consents, so the scope of the client counts.
 */
function standardScopes(ctx: KoaContextWithOIDC): string[] {
  const names = scopeNames(sentParameters(ctx)['scope'])
  const offline = ctx.oidc.client?.grantTypeAllowed('refresh_token')
  return STANDARD_SCOPES.filter(scope => names.includes(scope) && (scope !== 'offline_access' || offline))
}
