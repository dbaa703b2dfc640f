import type { Request, Response } from 'express'
import type { z } from 'zod'
import type { ErrorCode } from '../base/errors.ts'
import { parseInput } from './parse.ts'
import type { Challenges } from './respond-error.ts'

/** Who may call an operation, and what is known of an admitted caller. */
export type Access<Caps, Caller> = {
  /** The security scheme in the OpenAPI document; absent if no credential is needed. */
  scheme?: string
  /** What the credential must be granted, as the OpenAPI document names it. */
  scopes?: readonly string[]
  /** What `admit` throws. */
  errors: readonly ErrorCode[]
  /** The `WWW-Authenticate` headers of a 401; Bearer alone by default. */
  challenges?: Challenges
  /** Runs before the input is read, so that a stranger learns nothing from its faults. */
  admit(caps: Caps, req: Request, res: Response): Promise<Caller>
}

/** The names of the parameters in a path such as `/v1/keys/:key/rotate`. */
type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamsOf<Rest>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never

type NoInput = z.ZodObject<Record<never, never>>

export type Call<Caps, Caller, Path extends string, Query, Headers, Body> = {
  caps: Caps
  caller: Caller
  params: Record<ParamsOf<Path>, string>
  query: Query
  headers: Headers
  body: Body
  /** The request before parsing. `path` is its one spelling, without percent-encoding in its parameters. */
  sent: { path: string; body: unknown }
}

/** The description of an operation: its route, its entry in the OpenAPI document and its tests are made from it. */
export type Description = {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  path: string
  access: Pick<Access<never, unknown>, 'scheme' | 'scopes' | 'errors' | 'challenges'>
  /** Its group in the reference. */
  tag: string
  /** The `operationId`. */
  id: string
  summary: string
  query?: z.ZodObject
  headers?: z.ZodObject
  body?: z.ZodType
  /** A body that is valid. */
  example?: object
  /** The one success status, and its body. */
  answers: Readonly<Record<number, z.ZodType>>
  /** Other success statuses, which `handle` returns with `Answered`. */
  alsoAnswers?: Readonly<Record<number, z.ZodType>>
  /** What `handle` throws; the faults of input and access are added. */
  errors: readonly ErrorCode[]
}

export type Definition<
  Caps,
  Caller,
  Path extends string,
  Query extends z.ZodObject,
  Headers extends z.ZodObject,
  Body extends z.ZodType,
  Answer extends z.ZodType,
> = Description & {
  path: Path
  access: Access<Caps, Caller>
  query?: Query
  headers?: Headers
  body?: Body
  example?: z.input<Body> & object
  answers: Readonly<Record<number, Answer>>
  handle(
    call: Call<Caps, Caller, Path, z.output<Query>, z.output<Headers>, z.output<Body>>,
  ): Promise<z.output<Answer> | Answered>
}

/** A response with one of the statuses in `alsoAnswers`. */
export class Answered {
  readonly status: number
  readonly body: unknown

  constructor(status: number, body: unknown) {
    this.status = status
    this.body = body
  }
}

export type Operation<Caps> = Description & {
  /** Admits the caller, parses the input, does the work. Throws `AppError`. */
  answer(caps: Caps, req: Request, res: Response): Promise<{ status: number; body: unknown }>
}

/** One operation of an API, fully described. Its input is parsed before `handle` sees it: query, then body, then headers. */
export function operation<
  Caps,
  Caller,
  const Path extends string,
  Answer extends z.ZodType,
  Query extends z.ZodObject = NoInput,
  Headers extends z.ZodObject = NoInput,
  Body extends z.ZodType = NoInput,
>(definition: Definition<Caps, Caller, Path, Query, Headers, Body, Answer>): Operation<Caps> {
  const { handle, access, query, headers, body } = definition
  const status = statusOf(definition)
  return {
    ...definition,
    async answer(caps, req, res) {
      const caller = await access.admit(caps, req, res)
      const params = req.params as Record<ParamsOf<Path>, string>
      const input = {
        query: (query && parseInput(query, req.query)) as z.output<Query>,
        body: (body && parseInput(body, req.body)) as z.output<Body>,
        headers: (headers && parseInput(headers, readHeaders(headers, req))) as z.output<Headers>,
      }
      const sent = { path: spellOut(definition.path, params), body: req.body as unknown }
      const answer = await handle({ caps, caller, params, ...input, sent })
      return answer instanceof Answered ? answer : { status, body: answer }
    },
  }
}

/** The status of success. */
export function statusOf({ answers, id }: Pick<Description, 'answers' | 'id'>): number {
  const [status, ...others] = Object.keys(answers)
  if (status === undefined || others.length > 0) throw new Error(`${id} needs exactly one status of success`)
  return Number(status)
}

/** Every error that a caller may get, except those of any request: too large, rate limited, internal faults. */
export function errorsOf({ access, query, headers, body, errors }: Description): ErrorCode[] {
  return [
    ...new Set([...access.errors, ...(query || headers || body ? (['request.invalid'] as const) : []), ...errors]),
  ]
}

function readHeaders(schema: z.ZodObject, req: Request): Record<string, string | undefined> {
  return Object.fromEntries(Object.keys(schema.shape).map(name => [name, req.get(name)]))
}

function spellOut(path: string, params: Record<string, string>): string {
  return path.replaceAll(/:(\w+)/g, (_, name: string) => params[name] ?? '')
}
