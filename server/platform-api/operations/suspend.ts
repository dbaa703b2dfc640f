import { suspendInstallation } from '../../installs/suspend-installation.ts'
import { installationObject } from '../api-objects.ts'
import { Installation, NoMembers } from '../api-schemas.ts'
import { findOwnInstallation } from '../caller.ts'
import { idempotentOperation } from '../idempotent-operation.ts'

export const suspend = idempotentOperation({
  method: 'post',
  path: '/v1/installations/:installation/suspend',
  tag: 'Installations',
  id: 'suspend',
  summary: 'Refuse its keys until it is resumed; the account is notified. Idempotent',
  body: NoMembers,
  answers: { 200: Installation },
  errors: ['object.not_found', 'installation.not_active'],
  own: (tx, { caller, params }) => findOwnInstallation(tx, caller, params.installation),
  async work(tx, { caps, caller: { app, actor } }, { id: installationId }) {
    const command = { installationId, appId: app.id, by: 'platform', suspended: true, actor } as const
    const { installation } = await suspendInstallation(tx, caps, command)
    return installationObject(installation, app)
  },
})
