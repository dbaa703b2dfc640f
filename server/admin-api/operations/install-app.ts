import { z } from 'zod'
import { Answered } from '../../http/operation.ts'
import { installFor, installForAccounts, prepareInstall } from '../../installs/install-for-accounts.ts'
import { installationObject } from '../../platform-api/api-objects.ts'
import { Installation, mode } from '../../platform-api/api-schemas.ts'
import { bulkResult } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { InstallResults, reference } from '../admin-schemas.ts'

const MOST_ACCOUNTS = 1_000

const InstallRequest = z
  .strictObject({
    app_id: z.string('is required').max(100),
    account: reference.optional(),
    accounts: z
      .array(reference)
      .min(1, `must contain 1 to ${MOST_ACCOUNTS} accounts`)
      .max(MOST_ACCOUNTS, `must contain 1 to ${MOST_ACCOUNTS} accounts`)
      .optional(),
    mode,
    permissions: z.array(z.string().max(80)).min(1, 'must not be empty').optional(),
    kept_keys: z.enum(['leave', 'expire'], 'must be leave or expire').optional(),
  })
  .refine(({ account, accounts }) => (account === undefined) !== (accounts === undefined), {
    path: ['account'],
    message: 'is required, or accounts, and not both',
  })

export const installApp = adminPost({
  method: 'post',
  path: '/admin/v1/installations',
  scope: 'installations:write',
  tag: 'Installations',
  id: 'installApp',
  summary:
    'Install an app without a consent page: 201, or 200 where it was installed already; with `accounts` 200 with a result for each',
  body: InstallRequest,
  example: { app_id: 'app_01jpk3v9t2m4q6s8u0w2y4a6c8', account: 'external:customer-4711', mode: 'live' },
  answers: { 201: Installation },
  alsoAnswers: { 200: z.union([InstallResults, Installation]) },
  errors: [
    'object.not_found',
    'app.not_installable',
    'app.recipient_key',
    'app.changed',
    'consent.kept_unanswered',
    'installation.ended',
    'permission.not_granted',
    'key.limit',
  ],
  own: async () => undefined,
  async ready({ caps, caller: { actor }, body }) {
    const prepared = await prepareInstall(caps, body.app_id, body.permissions)
    const command = { mode: body.mode, permissions: body.permissions, kept: body.kept_keys, actor }
    const { accounts } = body
    if (accounts === undefined) return { prepared, command }
    return { prepared, command, results: await installForAccounts(caps, prepared, { ...command, accounts }) }
  },
  async work(tx, { caps, body }, _object, { prepared, command, results }) {
    const { app } = prepared
    if (results !== undefined) return new Answered(200, { results: results.map(one => bulkResult(one, app)) })
    const account = body.account ?? ''
    const { installation, created } = await installFor(tx, caps, prepared, { ...command, account })
    return new Answered(created ? 201 : 200, installationObject(installation, app))
  },
})
