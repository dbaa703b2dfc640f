import { operation } from '../../http/operation.ts'
import { listVerifiers as list } from '../../keys/verifiers.ts'
import { listOf, pageOf } from '../../platform-api/api-schemas.ts'
import { toPage } from '../../platform-api/to-page.ts'
import { adminKey } from '../admin-key-access.ts'
import { verifierObject } from '../admin-objects.ts'
import { Verifier } from '../admin-schemas.ts'

export const listVerifiers = operation({
  method: 'get',
  path: '/admin/v1/verifiers',
  access: adminKey('verifiers:read'),
  tag: 'Verifiers',
  id: 'listVerifiers',
  summary: 'Verifier keys, metadata only',
  query: pageOf('vrf'),
  answers: { 200: listOf(Verifier) },
  errors: [],
  async handle({ caps: { database }, query: { limit, cursor } }) {
    const rows = await database.read(tx => list(tx, { before: cursor, limit: limit + 1 }))
    return toPage(rows, limit, verifierObject)
  },
})
