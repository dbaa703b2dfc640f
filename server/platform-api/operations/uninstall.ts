import { uninstallApp } from '../../installs/uninstall-app.ts'
import { installationObject } from '../api-objects.ts'
import { Installation, NoMembers } from '../api-schemas.ts'
import { findOwnInstallation } from '../caller.ts'
import { idempotentOperation } from '../idempotent-operation.ts'

export const uninstall = idempotentOperation({
  method: 'post',
  path: '/v1/installations/:installation/uninstall',
  tag: 'Installations',
  id: 'uninstall',
  summary: 'Uninstall the app; its keys expire and the account is notified',
  body: NoMembers,
  answers: { 200: Installation },
  errors: ['object.not_found'],
  own: (tx, { caller, params }) => findOwnInstallation(tx, caller, params.installation),
  async work(tx, { caps, caller: { app, actor } }, { id: installationId }) {
    const command = { installationId, keys: { answer: 'expire' }, reason: 'platform', actor } as const
    const { installation } = await uninstallApp(tx, caps, command)
    return installationObject(installation, app)
  },
})
