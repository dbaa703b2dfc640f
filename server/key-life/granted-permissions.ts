import { AppError } from '../base/errors.ts'

/**
 * Requires at least one permission, and no more than those of the caller's token; absent: no token limits it. Throws
 * `permission.not_granted`.
 */
export function requireGranted(permissions: readonly string[], atMost: readonly string[] | undefined): void {
  if (permissions.length === 0)
    throw new AppError('permission.not_granted', { detail: 'The key would have no permission.' })
  const stray = atMost && permissions.find(name => !atMost.includes(name))
  if (stray !== undefined)
    throw new AppError('permission.not_granted', { detail: `This token was not granted ${stray}.` })
}
