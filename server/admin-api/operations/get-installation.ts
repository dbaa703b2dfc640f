import { operation } from '../../http/operation.ts'
import { installationObject } from '../../platform-api/api-objects.ts'
import { Installation } from '../../platform-api/api-schemas.ts'
import { adminKey } from '../admin-key-access.ts'
import { requireInstallation } from '../find-object.ts'

export const getInstallation = operation({
  method: 'get',
  path: '/admin/v1/installations/:installation',
  access: adminKey('installations:read'),
  tag: 'Installations',
  id: 'getInstallation',
  summary: 'One installation',
  answers: { 200: Installation },
  errors: ['object.not_found'],
  async handle({ caps: { database }, params }) {
    const { installation, app } = await database.read(tx => requireInstallation(tx, params.installation))
    return installationObject(installation, app)
  },
})
