import { z } from 'zod'
import type { Tx } from '../../db/connect.ts'
import { type Call, type Description, type Operation, operation, statusOf } from '../http/operation.ts'
import { requireGranted } from '../key-life/granted-permissions.ts'
import { type Answer, answerOnce } from './answer-once.ts'
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

type PostCall<Path extends string, Body> = Call<ApiCaps, Caller, Path, unknown, z.output<typeof Headers>, Body>

/** A POST of the platform API, in the steps that `answerOnce` repeats or leaves out. */
type Definition<Path extends string, Body extends z.ZodType, Result extends z.ZodType, Object, Ready> = Omit<
  Description,
  'access' | 'headers' | 'query'
> & {
  method: 'post'
  path: Path
  body: Body
  example?: z.input<Body> & object
  answers: Readonly<Record<number, Result>>
  /** Loads the object and checks that the caller may use it. */
  own(tx: Tx, call: PostCall<Path, z.output<Body>>): Promise<Object>
  /** What depends on the time or calls the network, outside any transaction. */
  ready?(call: PostCall<Path, z.output<Body>>): Promise<Ready>
  work(tx: Tx, call: PostCall<Path, z.output<Body>>, object: Object, ready: Ready): Promise<z.output<Result>>
}

/** An operation that an access token calls and that does its work once for each `Idempotency-Key`. */
export function idempotentOperation<
  const Path extends string,
  Body extends z.ZodType,
  Result extends z.ZodType,
  Object,
  Ready = undefined,
>(definition: Definition<Path, Body, Result, Object, Ready>): Operation<ApiCaps> {
  const { own, ready, work, errors, ...description } = definition
  const status = statusOf(definition)
  return operation({
    ...description,
    access: accessToken,
    headers: Headers,
    errors: ['request.key_reused', ...errors],
    async handle(call) {
      const { caps, caller, sent, headers } = call
      const request = { appId: caller.app.id, path: sent.path, key: headers['Idempotency-Key'], body: sent.body }
      const { body } = await answerOnce<Object, Ready>(caps, request, {
        own: tx => own(tx, call),
        mayHave: answer => requireSecretGranted(answer, caller),
        ...(ready && { ready: () => ready(call) }),
        work: async (tx, object, prepared) => ({
          status,
          body: (await work(tx, call, object, prepared)) as Answer['body'],
        }),
      })
      return body as z.output<Result>
    },
  })
}

/** A token gets no secret of a key that may do more than it was granted. Throws `permission.not_granted`. */
function requireSecretGranted({ body }: Answer, { permissions }: Caller): void {
  if (body['encrypted_secret']) requireGranted(body['permissions'] as string[], permissions)
}
