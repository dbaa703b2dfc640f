import { suspendInstallation } from '../../installs/suspend-installation.ts'
import { installationObject } from '../api-objects.ts'
import { Installation, NoMembers } from '../api-schemas.ts'
import { findOwnInstallation } from '../caller.ts'
import { idempotentOperation } from '../idempotent-operation.ts'

export const resume = idempotentOperation({
  method: 'post',
  path: '/v1/installations/:installation/resume',
  tag: 'Installations',
  id: 'resume',
  summary: 'End the platform’s suspension; a suspension by the account or the operator stays',
  body: NoMembers,
  answers: { 200: Installation },
  errors: ['object.not_found', 'installation.not_active', 'installation.suspended_by_operator'],
  own: (tx, { caller, params }) => findOwnInstallation(tx, caller, params.installation),
  async work(tx, { caps, caller: { app, actor } }, { id: installationId }) {
    const command = { installationId, appId: app.id, by: 'platform', suspended: false, actor } as const
    const { installation } = await suspendInstallation(tx, caps, command)
    return installationObject(installation, app)
  },
})
