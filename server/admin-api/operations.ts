import type { Operation } from '../http/operation.ts'
import type { AdminCaps } from './admin-caps.ts'
import { createVerifier } from './operations/create-verifier.ts'
import { listVerifiers } from './operations/list-verifiers.ts'
import { revokeVerifier } from './operations/revoke-verifier.ts'

/** Every operation of the admin API, in the order of the reference. */
export const ADMIN_OPERATIONS: readonly Operation<AdminCaps>[] = [listVerifiers, createVerifier, revokeVerifier]
