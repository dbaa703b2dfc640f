import { z } from 'zod'
import type { Database, Tx } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import {
  type Access,
  Answered,
  type Call,
  type Description,
  type Operation,
  operation,
  statusOf,
} from '../http/operation.ts'
import { requireGranted } from '../key-life/granted-permissions.ts'
import { type Answer, answerOnce, OF_APPS, type Repeatable } from './answer-once.ts'
import type { ApiCaps } from './api-caps.ts'
import type { Caller } from './caller.ts'
import { accessToken } from './token-access.ts'

const Headers = z.object({
  'Idempotency-Key': z
    .string()
    .min(1, 'must have 1 to 255 characters')
    .max(255, 'must have 1 to 255 characters')
    .optional()
    .meta({ description: 'A repetition within 24 hours returns the same response.' }),
})

type PostCall<OfApi, Asking, Path extends string, Body> = Call<
  OfApi,
  Asking,
  Path,
  unknown,
  z.output<typeof Headers>,
  Body
>

/** A POST, in the steps that `answerOnce` runs again or skips for a repetition. */
export type PostDefinition<
  OfApi,
  Asking,
  Path extends string,
  Body extends z.ZodType,
  Result extends z.ZodType,
  Object,
  Ready,
> = Omit<Description, 'access' | 'headers' | 'query'> & {
  method: 'post'
  path: Path
  body: Body
  example?: z.input<Body> & object
  answers: Readonly<Record<number, Result>>
  /** Loads the object and checks that the caller may use it. */
  own(tx: Tx, call: PostCall<OfApi, Asking, Path, z.output<Body>>): Promise<Object>
  /** Work that depends on the time or uses the network, outside any transaction. */
  ready?(call: PostCall<OfApi, Asking, Path, z.output<Body>>): Promise<Ready>
  work(
    tx: Tx,
    call: PostCall<OfApi, Asking, Path, z.output<Body>>,
    object: Object,
    ready: Ready,
  ): Promise<z.output<Result> | Answered>
}

/** The callers of an API's POSTs, and where responses to them are stored. */
export type Repeaters<OfApi, Asking> = {
  access: Access<OfApi, Asking>
  identify(caller: Asking): Pick<Repeatable, 'kept' | 'caller'>
  /** Checks that the caller may see a stored response. */
  mayHave?(answer: Answer, caller: Asking): void
}

/** An operation that does its work once per `Idempotency-Key`, for any kind of caller. */
export function onceForEachKey<
  OfApi extends Caps & { database: Database },
  Asking,
  const Path extends string,
  Body extends z.ZodType,
  Result extends z.ZodType,
  Object,
  Ready,
>(
  { access, identify, mayHave }: Repeaters<OfApi, Asking>,
  definition: PostDefinition<OfApi, Asking, Path, Body, Result, Object, Ready>,
): Operation<OfApi> {
  const { own, ready, work, errors, ...description } = definition
  const status = statusOf(definition)
  return operation({
    ...description,
    access,
    headers: Headers,
    errors: ['request.key_reused', ...errors],
    async handle(call) {
      const { caps, caller, sent, headers } = call
      const request = { ...identify(caller), path: sent.path, key: headers['Idempotency-Key'], body: sent.body }
      const answer = await answerOnce<Object, Ready>(caps, request, {
        own: tx => own(tx, call),
        ...(mayHave && { mayHave: answer => mayHave(answer, caller) }),
        ...(ready && { ready: () => ready(call) }),
        work: async (tx, object, prepared) => {
          const answer = await work(tx, call, object, prepared)
          return (answer instanceof Answered ? { ...answer } : { status, body: answer }) as Answer
        },
      })
      return new Answered(answer.status, answer.body)
    },
  })
}

const APPS: Repeaters<ApiCaps, Caller> = {
  access: accessToken,
  identify: ({ app }) => ({ kept: OF_APPS, caller: app.id }),
  mayHave: requireSecretGranted,
}

/** An operation for access tokens that does its work once per `Idempotency-Key`. */
export function idempotentOperation<
  const Path extends string,
  Body extends z.ZodType,
  Result extends z.ZodType,
  Object,
  Ready = undefined,
>(definition: PostDefinition<ApiCaps, Caller, Path, Body, Result, Object, Ready>): Operation<ApiCaps> {
  return onceForEachKey(APPS, definition)
}

/** A token gets no secret of a key that has more permissions than it was granted. Throws `permission.not_granted`. */
function requireSecretGranted({ body }: Answer, { permissions }: Caller): void {
  if (body['encrypted_secret']) requireGranted(body['permissions'] as string[], permissions)
}
