import { suspendInstallation as suspend } from '../../installs/suspend-installation.ts'
import { installationObject } from '../../platform-api/api-objects.ts'
import { Installation, NoMembers } from '../../platform-api/api-schemas.ts'
import { adminPost } from '../admin-post-operation.ts'
import { requireInstallation } from '../find-object.ts'

export const suspendInstallation = adminPost({
  method: 'post',
  path: '/admin/v1/installations/:installation/suspend',
  scope: 'installations:write',
  tag: 'Installations',
  id: 'suspendInstallation',
  summary: 'Suspend an installation: its keys are refused until the operator resumes it',
  body: NoMembers,
  answers: { 200: Installation },
  errors: ['object.not_found', 'installation.not_active'],
  own: (tx, { params }) => requireInstallation(tx, params.installation),
  async work(tx, { caps, caller: { actor } }, { installation: { id }, app }) {
    const command = { installationId: id, by: 'operator', suspended: true, actor } as const
    const { installation } = await suspend(tx, caps, command)
    return installationObject(installation, app)
  },
})
