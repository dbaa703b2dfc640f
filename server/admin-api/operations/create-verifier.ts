import { z } from 'zod'
import { createVerifier as create } from '../../keys/verifiers.ts'
import { verifierObject } from '../admin-objects.ts'
import { adminPost } from '../admin-post-operation.ts'
import { NewVerifier, name } from '../admin-schemas.ts'

export const createVerifier = adminPost({
  method: 'post',
  path: '/admin/v1/verifiers',
  scope: 'verifiers:write',
  tag: 'Verifiers',
  id: 'createVerifier',
  summary: 'Create a key with which an API verifies keys',
  body: z.strictObject({ name }),
  example: { name: 'Payments API' },
  answers: { 201: NewVerifier },
  errors: [],
  own: async () => undefined,
  async work(tx, { caps, caller: { actor }, body }) {
    const { verifier, verifierKey } = await create(tx, caps, { name: body.name, actor })
    return { ...verifierObject(verifier), verifier_key: verifierKey }
  },
})
