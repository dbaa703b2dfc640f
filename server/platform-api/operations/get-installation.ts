import { operation } from '../../http/operation.ts'
import { installationObject } from '../api-objects.ts'
import { Installation } from '../api-schemas.ts'
import { findOwnInstallation } from '../caller.ts'
import { accessToken } from '../token-access.ts'

export const getInstallation = operation({
  method: 'get',
  path: '/v1/installations/:installation',
  access: accessToken,
  tag: 'Installations',
  id: 'getInstallation',
  summary: 'One installation',
  answers: { 200: Installation },
  errors: ['object.not_found'],
  async handle({ caps: { database }, caller, params }) {
    const installation = await database.read(tx => findOwnInstallation(tx, caller, params.installation))
    return installationObject(installation, caller.app)
  },
})
