import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import express from 'express'
import { z } from 'zod'
import { AppError } from '../../server/base/errors.ts'
import type { Log } from '../../server/base/log.ts'
import { openApiDocument } from '../../server/http/openapi.ts'
import { type Access, operation } from '../../server/http/operation.ts'
import { operationRouter, UNDECLARED } from '../../server/http/operation-router.ts'

type Caps = { log: Log; asked: unknown[] }

const adminKey: Access<Caps, { name: string }> = {
  scheme: 'adminKey',
  errors: ['access.unauthorized'],
  async admit(_caps, req) {
    if (req.get('authorization') !== 'Bearer right') throw new AppError('access.unauthorized')
    return { name: 'deploy' }
  },
}

const Thing = z.object({ id: z.string(), size: z.int() })

const resizeThing = operation({
  method: 'put',
  path: '/admin/v1/things/:thing/size',
  access: adminKey,
  tag: 'Things',
  id: 'resizeThing',
  summary: 'Set the size of a thing',
  query: z.object({ unit: z.enum(['cm', 'm']).default('m') }),
  headers: z.object({ 'If-Match': z.string().max(3, 'must have 3 characters or fewer').optional() }),
  body: z.strictObject({ size: z.int() }),
  answers: { 202: Thing },
  errors: ['object.not_found'],
  async handle({ caps, caller, params, query, headers, body, sent }) {
    caps.asked.push({ caller, params: { ...params }, query, headers, body, sent })
    if (params.thing === 'none') throw new AppError('object.not_found')
    if (params.thing === 'taken') throw new AppError('key.expired')
    return { id: params.thing, size: body.size }
  },
})

describe('an operation of any API', () => {
  const asked: unknown[] = []
  const logs: string[] = []
  const record = (_fields: object, message: string) => void logs.push(message)
  const log: Log = { debug: () => undefined, info: record, warn: record, error: record }
  const server = express()
    .use(operationRouter('/admin/v1', [resizeThing], { log, asked }))
    .listen(0, '127.0.0.1')
  before(() => server.listening || new Promise(resolve => server.once('listening', resolve)))
  after(() => server.close())

  async function put(path: string, body: unknown, headers: Record<string, string> = {}) {
    const { port } = server.address() as AddressInfo
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'PUT',
      headers: { authorization: 'Bearer right', 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }

  test('its handler gets the caller and the parsed input, and its path in one spelling', async () => {
    const answer = await put('/admin/v1/things/%61b/size?unit=cm', { size: 3 }, { 'if-match': 'abc' })
    assert.deepEqual(answer, { status: 202, body: { id: 'ab', size: 3 } })
    assert.deepEqual(asked.at(-1), {
      caller: { name: 'deploy' },
      params: { thing: 'ab' },
      query: { unit: 'cm' },
      headers: { 'If-Match': 'abc' },
      body: { size: 3 },
      sent: { path: '/admin/v1/things/ab/size', body: { size: 3 } },
    })
  })

  test('a stranger is refused before the input is read; then each part of the input is checked', async () => {
    const path = '/admin/v1/things/ab/size'
    assert.equal((await put(path, [], { authorization: 'Bearer wrong' })).body['code'], 'unauthorized')
    const faults = [
      await put(`${path}?unit=mile`, { size: 3 }),
      await put(path, { size: 'big' }),
      await put(path, { size: 3 }, { 'if-match': 'abcd' }),
    ]
    assert.deepEqual(
      faults.map(({ status, body }) => [status, (body['errors'] as { field: string }[])[0]?.field]),
      [
        [400, 'unit'],
        [400, 'size'],
        [400, 'If-Match'],
      ],
    )
  })

  test('an undeclared error is returned, and logged as a fault of the operation', async () => {
    assert.equal((await put('/admin/v1/things/none/size', { size: 3 })).status, 404)
    assert.deepEqual(logs, [])
    assert.equal((await put('/admin/v1/things/taken/size', { size: 3 })).status, 409)
    assert.deepEqual(logs, [UNDECLARED])
  })

  test('other spellings of its path, and paths outside the prefix of its API, are unknown', async () => {
    const { port } = server.address() as AddressInfo
    for (const path of ['/admin/v1/things/ab/size/', '/admin/v1/Things/ab/size', '/v1/things/ab/size'])
      assert.equal((await fetch(`http://127.0.0.1:${port}${path}`, { method: 'PUT' })).status, 404, path)
    assert.throws(() => operationRouter('/v1', [resizeThing], { log, asked }), /outside \/v1/)
  })

  test('its entry in the document refers to named schemas and lists its parameters and errors', () => {
    const document = openApiDocument({
      title: 'Things',
      description: '',
      publicUrl: 'https://latchkey.example',
      tags: [{ name: 'Things', description: '' }],
      components: { Thing },
      securitySchemes: { adminKey: { type: 'http', scheme: 'bearer' } },
      operations: [resizeThing],
    }) as { paths: Record<string, Record<string, Record<string, unknown>>> }
    const entry = document.paths['/admin/v1/things/{thing}/size']?.['put'] ?? {}
    assert.deepEqual(entry['security'], [{ adminKey: [] }])
    assert.deepEqual(
      (entry['parameters'] as { name: string; in: string }[]).map(parameter => [parameter.in, parameter.name]),
      [
        ['path', 'thing'],
        ['query', 'unit'],
        ['header', 'If-Match'],
      ],
    )
    const responses = entry['responses'] as Record<string, { content: Record<string, { schema: unknown }> }>
    assert.deepEqual(Object.keys(responses), ['202', '400', '401', '404', 'default'])
    assert.deepEqual(responses['202']?.content['application/json']?.schema, { $ref: '#/components/schemas/Thing' })
  })
})
