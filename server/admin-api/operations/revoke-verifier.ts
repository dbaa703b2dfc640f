import { operation } from '../../http/operation.ts'
import { revokeVerifier as revoke } from '../../keys/verifiers.ts'
import { requireId } from '../../platform-api/caller.ts'
import { adminKey } from '../admin-key-access.ts'
import { Nothing } from '../admin-schemas.ts'

export const revokeVerifier = operation({
  method: 'delete',
  path: '/admin/v1/verifiers/:verifier',
  access: adminKey('verifiers:write'),
  tag: 'Verifiers',
  id: 'revokeVerifier',
  summary: 'Revoke a verifier key at once',
  answers: { 204: Nothing },
  errors: ['object.not_found'],
  async handle({ caps, caller: { actor }, params }) {
    const id = requireId('vrf', params.verifier)
    await caps.database.transaction(tx => revoke(tx, caps, { id, actor }))
    return null
  },
})
