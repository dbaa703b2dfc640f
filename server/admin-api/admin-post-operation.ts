import type { z } from 'zod'
import type { Scope } from '../admin-keys/scopes.ts'
import type { Operation } from '../http/operation.ts'
import { OF_ADMIN_KEYS } from '../platform-api/answer-once.ts'
import { onceForEachKey, type PostDefinition } from '../platform-api/idempotent-operation.ts'
import type { AdminCaller, AdminCaps } from './admin-caps.ts'
import { adminKey } from './admin-key-access.ts'

/** A POST of the admin API, which does its work once for each `Idempotency-Key`. */
export function adminPost<
  const Path extends string,
  Body extends z.ZodType,
  Result extends z.ZodType,
  Object,
  Ready = undefined,
>({
  scope,
  ...definition
}: PostDefinition<AdminCaps, AdminCaller, Path, Body, Result, Object, Ready> & {
  scope: Scope
}): Operation<AdminCaps> {
  const identify = ({ keyId }: AdminCaller) => ({ kept: OF_ADMIN_KEYS, caller: keyId })
  return onceForEachKey({ access: adminKey(scope), identify }, definition)
}
