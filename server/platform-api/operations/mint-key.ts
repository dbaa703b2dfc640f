import { z } from 'zod'
import { findRecipientKey } from '../../../apps-registry/current-recipient.ts'
import { AppError } from '../../base/errors.ts'
import { isOneLine } from '../../base/one-line.ts'
import { mintAnotherKey } from '../../key-life/mint-another-key.ts'
import { newKeyObject } from '../api-objects.ts'
import { NewKey, text } from '../api-schemas.ts'
import { findOwnInstallation } from '../caller.ts'
import { idempotentOperation } from '../idempotent-operation.ts'

const MintRequest = z.strictObject({
  name: z
    .string('must be a text')
    .trim()
    .min(1, 'must not be empty')
    .max(60, 'must have 60 characters or fewer')
    .refine(isOneLine, 'must be on one line, without hidden characters'),
  permissions: z.array(z.string().max(80)).min(1, 'must not be empty').optional(),
  expires_at: z.iso.datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z' }).nullish(),
  note: text(200).nullish(),
})

export const mintKey = idempotentOperation({
  method: 'post',
  path: '/v1/installations/:installation/keys',
  tag: 'Keys',
  id: 'mintKey',
  summary: 'Mint another key; it is sealed in the response and also delivered',
  body: MintRequest,
  example: { name: 'nightly export', permissions: ['charges:read'], expires_at: '2040-01-31T12:00:00Z' },
  answers: { 201: NewKey },
  errors: ['object.not_found', 'installation.not_active', 'permission.not_granted', 'key.limit', 'app.recipient_key'],
  async own(tx, { caller, params }) {
    if (caller.app.status === 'suspended') throw new AppError('installation.not_active')
    return await findOwnInstallation(tx, caller, params.installation)
  },
  async ready({ caps, caller, body: { expires_at: end } }) {
    const expiresAt = end ? Date.parse(end) : null
    if (expiresAt !== null && expiresAt <= caps.clock.now())
      throw new AppError('request.invalid', { faults: [{ field: 'expires_at', message: 'must be in the future' }] })
    return { expiresAt, recipient: await findRecipientKey(caps, caller.app) }
  },
  async work(tx, { caps, caller: { permissions: atMost, actor }, body }, { id: installationId }, ready) {
    const { name, permissions, note = null } = body
    const command = { installationId, name, permissions, note, atMost, actor, ...ready }
    const { key, sealed } = await mintAnotherKey(tx, caps, command)
    return newKeyObject(key, sealed, caps.clock.now())
  },
})
