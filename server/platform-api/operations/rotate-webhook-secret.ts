import { rotateWebhookSecret as rotateSecret } from '../../../apps-registry/rotate-webhook-secret.ts'
import { AppError } from '../../base/errors.ts'
import { NoMembers, WebhookSecret } from '../api-schemas.ts'
import { idempotentOperation } from '../idempotent-operation.ts'

export const rotateWebhookSecret = idempotentOperation({
  method: 'post',
  path: '/v1/webhook-secret/rotate',
  tag: 'Deliveries',
  id: 'rotateWebhookSecret',
  summary: 'Create a new webhook secret, shown once; the old one also signs for 24 hours',
  body: NoMembers,
  answers: { 200: WebhookSecret },
  errors: ['access.forbidden', 'object.not_found'],
  async own(_tx, { caller }) {
    if (caller.installationId === undefined) return
    throw new AppError('access.forbidden', {
      detail: 'Use a client-credentials token: the secret belongs to the whole app.',
    })
  },
  async work(tx, { caps, caller: { app, actor } }) {
    return { webhook_secret: await rotateSecret(tx, caps, { appId: app.id, actor }) }
  },
})
