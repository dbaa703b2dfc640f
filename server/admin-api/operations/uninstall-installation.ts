import { z } from 'zod'
import { DAY } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { uninstallApp } from '../../installs/uninstall-app.ts'
import type { KeyChoice } from '../../keys/settlement.ts'
import { installationObject } from '../../platform-api/api-objects.ts'
import { Installation } from '../../platform-api/api-schemas.ts'
import { adminPost } from '../admin-post-operation.ts'
import { requireInstallation } from '../find-object.ts'

const LONGEST = 367 * DAY

const UninstallRequest = z.strictObject({
  keys: z.union(
    [
      z.enum(['expire', 'keep']),
      z.strictObject({ until: z.iso.datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z' }) }),
    ],
    'must be expire, keep or {"until": a time}',
  ),
})

export const uninstallInstallation = adminPost({
  method: 'post',
  path: '/admin/v1/installations/:installation/uninstall',
  scope: 'installations:write',
  tag: 'Installations',
  id: 'uninstallInstallation',
  summary: 'Uninstall an app from an account; its keys expire now, stay active, or stay active until a time',
  body: UninstallRequest,
  example: { keys: 'expire' },
  answers: { 200: Installation },
  errors: ['object.not_found'],
  own: (tx, { params }) => requireInstallation(tx, params.installation),
  ready: async ({ caps, body }) => choiceOf(body.keys, caps.clock.now()),
  async work(tx, { caps, caller: { actor } }, { installation: { id }, app }, keys) {
    const { installation } = await uninstallApp(tx, caps, { installationId: id, keys, reason: 'operator', actor })
    return installationObject(installation, app)
  },
})

function choiceOf(keys: z.output<typeof UninstallRequest>['keys'], now: number): KeyChoice {
  if (typeof keys === 'string') return { answer: keys }
  const deadline = Date.parse(keys.until)
  if (deadline > now && deadline <= now + LONGEST) return { answer: 'until', deadline }
  const message = 'must be in the future, and within a year'
  throw new AppError('request.invalid', { faults: [{ field: 'keys.until', message }] })
}
