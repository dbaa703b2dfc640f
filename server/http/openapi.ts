import { z } from 'zod'
import { ERRORS, type ErrorCode } from '../base/errors.ts'
import { type Description, errorsOf } from './operation.ts'

type Json = Record<string, unknown>

/** An API as its OpenAPI document presents it. */
export type Api = {
  title: string
  description: string
  publicUrl: string
  /** The groups of the reference, in order. */
  tags: readonly { name: string; description: string }[]
  /** Schemas that the document defines once and refers to by name. */
  components: Readonly<Record<string, z.ZodType>>
  securitySchemes: Json
  operations: readonly Description[]
}

/** The body of every error. */
const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Stable; `title` and `detail` may change' }),
    detail: z.string().optional(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    request_id: z.string(),
  })
  .meta({ description: 'RFC 9457' })

/** Errors that any call may return. */
const OF_ANY_CALL: readonly ErrorCode[] = ['request.too_large', 'internal', 'service.unavailable']

/** Operations as an OpenAPI 3.1 document, made from the schemas that validate them. */
export function openApiDocument(api: Api): Json {
  const components = { ...api.components, Problem }
  const paths: Record<string, Json> = {}
  for (const operation of api.operations) {
    const path = operation.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [operation.method]: describe(operation, components) }
  }
  return {
    openapi: '3.1.0',
    info: { title: api.title, version: '1', description: api.description },
    servers: [{ url: api.publicUrl }],
    tags: api.tags,
    paths,
    components: {
      schemas: Object.fromEntries(
        Object.entries(components).map(([name, schema]) => [name, schemaOf(schema, 'output', components)]),
      ),
      securitySchemes: api.securitySchemes,
    },
  }
}

type Components = Api['components']

function describe(operation: Description, components: Components): Json {
  const { id, tag, summary, access, body, example, answers, alsoAnswers = {} } = operation
  const success = Object.entries({ ...answers, ...alsoAnswers }).map(([status, schema]) => {
    const content = { 'application/json': { schema: referTo(schema, components) } }
    return [status, { description: summary, ...(Number(status) !== 204 && { content }) }]
  })
  return {
    operationId: id,
    tags: [tag],
    summary,
    security: access.scheme === undefined ? [] : [{ [access.scheme]: access.scopes ?? [] }],
    parameters: parametersOf(operation),
    ...(body && {
      requestBody: {
        required: !body.safeParse({}).success,
        content: { 'application/json': { schema: schemaOf(body, 'input', components), ...(example && { example }) } },
      },
    }),
    responses: {
      ...Object.fromEntries(success),
      ...problemsOf(operation),
    },
  }
}

function parametersOf({ path, query, headers }: Description): Json[] {
  const named = [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const optional = (location: string, schema: z.ZodObject | undefined) =>
    Object.entries(schema?.shape ?? {}).map(([name, field]) => {
      const { description, ...rest } = schemaOf(field as z.ZodType, 'input')
      return { name, in: location, required: false, ...(description !== undefined && { description }), schema: rest }
    })
  return [...named, ...optional('query', query), ...optional('header', headers)]
}

/** The errors of an operation by their status, and those of any call as `default`. */
function problemsOf(operation: Description): Json {
  const byStatus = Object.groupBy(errorsOf(operation), code => ERRORS[code].status)
  const own = Object.entries(byStatus).map(([status, codes = []]) => [status, problem(codes)])
  return { ...Object.fromEntries(own), default: problem(OF_ANY_CALL) }
}

function problem(errors: readonly ErrorCode[]): Json {
  const lines = new Set(errors.map(error => `\`${ERRORS[error].code}\`: ${ERRORS[error].title}`))
  const codes = [...new Set(errors.map(error => ERRORS[error].code))]
  const schema = { $ref: '#/components/schemas/Problem', properties: { code: { enum: codes } } }
  return { description: [...lines].join('\n\n'), content: { 'application/problem+json': { schema } } }
}

function referTo(schema: z.ZodType, components: Components): Json {
  const [name] = Object.entries(components).find(([, component]) => component === schema) ?? []
  return name === undefined ? schemaOf(schema, 'output', components) : { $ref: `#/components/schemas/${name}` }
}

/** A schema as JSON, components in it by reference. A format says enough; zod's pattern for it would only be noise. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', components: Components = {}): Json {
  const names = new Map<unknown, string>(Object.entries(components).map(([name, component]) => [component, name]))
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    reused: 'inline',
    override: ({ zodSchema, jsonSchema, path }) => {
      const name = names.get(zodSchema)
      if (name !== undefined && path.length > 0) {
        for (const member of Object.keys(jsonSchema)) delete jsonSchema[member]
        jsonSchema.$ref = `#/components/schemas/${name}`
      } else if (jsonSchema.format !== undefined) delete jsonSchema.pattern
    },
  }) as Json
  return rest
}
