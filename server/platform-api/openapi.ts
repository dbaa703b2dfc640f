import { z } from 'zod'
import { ERRORS } from '../base/errors.ts'
import {
  Delivery,
  Event,
  eventsPage,
  Installation,
  Key,
  MintRequest,
  NewKey,
  Problem,
  pageOf,
  RotateRequest,
  WebhookSecret,
} from './api-schemas.ts'
import { LeakReport } from './leak-report.ts'

type Json = Record<string, unknown>

const COMPONENTS = { Installation, Key, NewKey, Delivery, Event, Problem, WebhookSecret }
type Component = keyof typeof COMPONENTS

const ref = (name: Component): Json => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: Json): Json => ({ 'application/json': { schema } })
const listOf = (name: Component): Json => ({
  type: 'object',
  required: ['data', 'next_cursor'],
  properties: { data: { type: 'array', items: ref(name) }, next_cursor: { type: ['string', 'null'] } },
})

type Operation = {
  method: 'get' | 'post'
  path: string
  id: string
  summary: string
  answers: number
  schema: Json
  query?: z.ZodObject
  body?: z.ZodType
  security?: Json[]
}

const TOKEN: Json[] = [{ accessToken: [] }]

const OPERATIONS: Operation[] = [
  {
    method: 'get',
    path: '/v1/installations',
    id: 'listInstallations',
    summary: 'Installations of the app, or with an install token its own',
    answers: 200,
    schema: listOf('Installation'),
    query: pageOf('ins'),
  },
  {
    method: 'get',
    path: '/v1/installations/{installation}',
    id: 'getInstallation',
    summary: 'One installation',
    answers: 200,
    schema: ref('Installation'),
  },
  {
    method: 'post',
    path: '/v1/installations/{installation}/uninstall',
    id: 'uninstall',
    summary: 'The platform leaves: its keys expire and the account is told',
    answers: 200,
    schema: ref('Installation'),
  },
  {
    method: 'post',
    path: '/v1/installations/{installation}/suspend',
    id: 'suspend',
    summary: 'Have its keys refused until it is resumed; the account is told. Suspended already, nothing changes',
    answers: 200,
    schema: ref('Installation'),
  },
  {
    method: 'post',
    path: '/v1/installations/{installation}/resume',
    id: 'resume',
    summary: 'Take back what the platform has suspended; what the account or the operator has suspended stays so',
    answers: 200,
    schema: ref('Installation'),
  },
  {
    method: 'get',
    path: '/v1/installations/{installation}/keys',
    id: 'listKeys',
    summary: 'Managed keys, metadata only',
    answers: 200,
    schema: listOf('Key'),
    query: pageOf('key'),
  },
  {
    method: 'post',
    path: '/v1/installations/{installation}/keys',
    id: 'mintKey',
    summary: 'Mint another key; it is sealed in the answer and delivered too',
    answers: 201,
    schema: ref('NewKey'),
    body: MintRequest,
  },
  {
    method: 'post',
    path: '/v1/keys/{key}/rotate',
    id: 'rotateKey',
    summary:
      'Replace a key; the old one ends after the overlap, and never before the new one has arrived, unless the overlap is 0',
    answers: 201,
    schema: ref('NewKey'),
    body: RotateRequest,
  },
  {
    method: 'post',
    path: '/v1/keys/{key}/expire',
    id: 'expireKey',
    summary: 'Expire a key at once',
    answers: 200,
    schema: ref('Key'),
  },
  {
    method: 'get',
    path: '/v1/keys/self',
    id: 'getOwnKey',
    summary: 'Metadata of the key that is shown',
    answers: 200,
    schema: ref('Key'),
    security: [{ key: [] }],
  },
  {
    method: 'get',
    path: '/v1/deliveries',
    id: 'listDeliveries',
    summary: 'Deliveries with their attempts',
    answers: 200,
    schema: listOf('Delivery'),
    query: pageOf('dlv'),
  },
  {
    method: 'post',
    path: '/v1/deliveries/{delivery}/redeliver',
    id: 'redeliver',
    summary:
      'Send the same event with the same ciphertext again, beside its later events; a key that has expired is refused (409)',
    answers: 200,
    schema: ref('Delivery'),
  },
  {
    method: 'get',
    path: '/v1/events',
    id: 'listEvents',
    summary:
      'The same events in order, to reconcile: whoever follows the last id with `after` sees each event, whoever commits when',
    answers: 200,
    schema: listOf('Event'),
    query: eventsPage,
  },
  {
    method: 'post',
    path: '/v1/webhook-secret/rotate',
    id: 'rotateWebhookSecret',
    summary: 'A new webhook secret, shown once; the old one signs along for 24 hours',
    answers: 200,
    schema: ref('WebhookSecret'),
  },
  {
    method: 'post',
    path: '/v1/leaks',
    id: 'reportLeaks',
    summary: 'Say that keys were found where they must not be; the answer is the same for every token',
    answers: 202,
    schema: { type: 'object', properties: { received: { type: 'integer' } } },
    body: LeakReport,
    security: [],
  },
]

/** The platform API as an OpenAPI 3.1 document, made from the schemas that validate it. */
export function openApiDocument(publicUrl: string): Json {
  const paths: Record<string, Json> = {}
  for (const operation of OPERATIONS)
    paths[operation.path] = { ...paths[operation.path], [operation.method]: describe(operation) }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey platform API',
      version: '1',
      description: 'The whole life of managed keys, for platforms. Codes of errors are stable.',
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(COMPONENTS).map(([name, schema]) => [name, schemaOf(schema)])),
      securitySchemes: {
        accessToken: {
          type: 'oauth2',
          description: 'Of an install, or client credentials; DPoP-bound tokens need their proof.',
          flows: { clientCredentials: { tokenUrl: `${publicUrl}/oauth/token`, scopes: {} } },
        },
        key: { type: 'http', scheme: 'bearer', description: 'Any managed or restricted key' },
      },
    },
  }
}

function describe({ id, summary, answers, schema, path, method, query, body, security = TOKEN }: Operation): Json {
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
      name,
      in: 'path',
      required: true,
      schema: { type: 'string' },
    })),
    ...Object.entries(query?.shape ?? {}).map(([name, field]) => ({
      name,
      in: 'query',
      required: false,
      schema: schemaOf(field as z.ZodType, 'input'),
    })),
    ...(method === 'post' && security === TOKEN
      ? [
          {
            name: 'Idempotency-Key',
            in: 'header',
            required: false,
            schema: { type: 'string', minLength: 1, maxLength: 255 },
            description: 'A repetition within 24 hours gets the same answer.',
          },
        ]
      : []),
  ]
  return {
    operationId: id,
    summary,
    security,
    parameters,
    ...(body && { requestBody: { required: true, content: json(schemaOf(body, 'input')) } }),
    responses: {
      [answers]: { description: summary, content: json(schema) },
      default: {
        description: `A problem. Codes: ${CODES.join(', ')}`,
        content: { 'application/problem+json': { schema: ref('Problem') } },
      },
    },
  }
}

const CODES = [...new Set(Object.values(ERRORS).map(({ code }) => code))].sort()

/** A schema as JSON; a format says enough, zod's pattern for it would only be noise. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    reused: 'inline',
    override: ({ jsonSchema }) => {
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern
    },
  }) as Json
  return rest
}
