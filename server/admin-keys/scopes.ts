const AREAS = ['people', 'apps', 'installations', 'keys', 'verifiers', 'activity'] as const

export type Scope = `${(typeof AREAS)[number]}:${'read' | 'write'}` | 'sign-in'

/** Everything that an admin key can be granted. */
export const SCOPES: readonly Scope[] = [
  ...AREAS.flatMap(area => [`${area}:read`, `${area}:write`] as const),
  'sign-in',
]

export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text)
}

/** Whether granted scopes include one; whoever may write may read. */
export function includesScope(granted: readonly Scope[], scope: Scope): boolean {
  return granted.includes(scope) || granted.includes(scope.replace(/:read$/, ':write') as Scope)
}
