import { z } from 'zod'
import { findRecipientKey } from '../../../apps-registry/current-recipient.ts'
import { rotateManagedKey } from '../../key-life/rotate-managed-key.ts'
import { newKeyObject } from '../api-objects.ts'
import { NewKey, text } from '../api-schemas.ts'
import { findOwnKey } from '../caller.ts'
import { idempotentOperation } from '../idempotent-operation.ts'

const RotateRequest = z.strictObject({
  overlap_seconds: z
    .int('must be a whole number')
    .min(0, 'must be 0 or more')
    .max(2_592_000, 'must be 2592000 or less')
    .default(86_400),
  reason: text(200).default(''),
  force: z.boolean('must be true or false').default(false),
})

export const rotateKey = idempotentOperation({
  method: 'post',
  path: '/v1/keys/:key/rotate',
  tag: 'Keys',
  id: 'rotateKey',
  summary:
    'Replace a key; the old one ends after the overlap, and never before the new one has arrived, unless the overlap is 0',
  body: RotateRequest,
  example: { overlap_seconds: 3_600, reason: 'quarterly rotation' },
  answers: { 201: NewKey },
  errors: [
    'object.not_found',
    'installation.not_active',
    'permission.not_granted',
    'app.recipient_key',
    'key.rotation_in_progress',
    'key.expired',
    'key.frozen',
    'key.limit',
  ],
  own: (tx, { caller, params }) => findOwnKey(tx, caller, params.key),
  ready: ({ caps, caller }) => findRecipientKey(caps, caller.app),
  async work(tx, { caps, caller: { permissions: atMost, actor }, body }, old, recipient) {
    const { overlap_seconds: overlapSeconds, reason, force } = body
    const command = { key: old, overlapSeconds, force, reason, atMost, recipient, actor }
    const { key, sealed } = await rotateManagedKey(tx, caps, command)
    return newKeyObject(key, sealed, caps.clock.now())
  },
})
