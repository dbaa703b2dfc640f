/** The scopes of OpenID Connect that this server supports besides the catalog's permissions (OIDC Core §3.1.2.1, §11). */
export const STANDARD_SCOPES = ['openid', 'offline_access'] as const

/** The scope that a client may request: its manifest's permissions and the standard scopes. */
export function scopeOf(permissions: readonly string[]): string {
  return [...STANDARD_SCOPES, ...permissions].join(' ')
}

export function isStandardScope(name: string): boolean {
  return STANDARD_SCOPES.some(scope => scope === name)
}

/** The names in a `scope` parameter (RFC 6749 §3.3); empty if it is absent. */
export function scopeNames(scope: unknown): string[] {
  return typeof scope === 'string' ? scope.split(' ').filter(name => name !== '') : []
}
