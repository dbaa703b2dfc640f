import assert from 'node:assert/strict'
import { test } from 'node:test'
import { opaqueToken, systemRandom } from '../../server/base/random.ts'
import { mintSecret } from '../../server/base/secret-format.ts'
import { createWorld, type World } from '../support/world.ts'

type Problem = Record<string, unknown>

async function problemOf(answer: Response): Promise<Problem> {
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
  const problem = (await answer.json()) as Problem
  assert.equal(problem['status'], answer.status)
  assert.match(String(problem['request_id']), /^req_[0-9a-z]{26}$/)
  assert.equal(typeof problem['title'], 'string')
  return problem
}

function verify(world: World, body: string, headers: Record<string, string> = {}): Promise<Response> {
  const authorization = `Bearer ${world.verifierKey}`
  return fetch(`${world.url}/v1/keys/verify`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json', ...headers },
    body,
  })
}

test('404: an unknown path under /v1 is a problem, for any method and caller', async () => {
  await using world = await createWorld({ worker: false })
  for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
    const answer = await fetch(`${world.url}/v1/nowhere`, { method })
    assert.equal(answer.status, 404)
    assert.equal((await problemOf(answer))['code'], 'not_found')
    assert.equal(answer.headers.get('set-cookie'), null)
  }
})

test('401: without a verifier key, with a wrong one, or with another credential', async () => {
  await using world = await createWorld({ worker: false })
  const { registrationToken } = await world.platform()
  const body = JSON.stringify({ key: 'x' })
  const wrong = [
    '',
    'Bearer',
    `Basic ${world.verifierKey}`,
    `Bearer ${opaqueToken(systemRandom)}`,
    `Bearer ${registrationToken}`,
  ]
  for (const authorization of wrong) {
    const answer = await verify(world, body, { authorization })
    assert.equal(answer.status, 401, authorization.slice(0, 12))
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/)
    assert.equal((await problemOf(answer))['code'], 'unauthorized')
  }
})

test('400: every fault of a body names its field, and invalid JSON is reported as such', async () => {
  await using world = await createWorld({ worker: false })
  const answer = await verify(world, JSON.stringify({ ip: 'nowhere', permission: 7 }))
  assert.equal(answer.status, 400)
  const problem = await problemOf(answer)
  assert.equal(problem['code'], 'invalid_request')
  const errors = problem['errors'] as { field: string; message: string }[]
  assert.deepEqual(errors.map(({ field }) => field).sort(), ['ip', 'key', 'permission'])
  for (const body of ['{', '[]', '"text"', 'null', '']) {
    const refused = await verify(world, body)
    assert.equal(refused.status, 400, body)
    assert.equal((await problemOf(refused))['code'], 'invalid_request', body)
  }
})

test('413: a body that is too large is a problem too', async () => {
  await using world = await createWorld({ worker: false })
  const answer = await verify(world, JSON.stringify({ key: 'a'.repeat(20_000) }))
  assert.equal(answer.status, 413)
  assert.equal((await problemOf(answer))['code'], 'request_too_large')
})

test('500: an internal fault is a problem that does not reveal its cause', async () => {
  await using world = await createWorld({ worker: false })
  await world.deps.database.knex.schema.renameTable('oauth_records', 'elsewhere')
  const answer = await fetch(`${world.url}/v1/installations`, { headers: { authorization: 'Bearer something' } })
  await saysNothing(answer, 500)
})

test('503: a verification that cannot be decided is a problem that does not reveal its cause', async () => {
  await using world = await createWorld({ worker: false })
  await world.deps.database.knex.schema.dropTable('verifiers')
  await saysNothing(await verify(world, JSON.stringify({ key: 'x' })), 503)
})

async function saysNothing(answer: Response, status: number): Promise<void> {
  assert.equal(answer.status, status)
  const problem = await problemOf(answer)
  assert.equal(problem['code'], status === 503 ? 'unavailable' : 'internal')
  assert.equal(problem['detail'], undefined)
  assert.doesNotMatch(JSON.stringify(problem), /verifiers|oauth_records|select|\.ts/)
}

test('OAuth endpoints respond with an OAuth error, also at the limit of registrations', async () => {
  await using world = await createWorld({ worker: false, env: { RATE_LIMITS: 'on' } })
  const register = () =>
    fetch(`${world.url}/oauth/register`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    })
  const first = await register()
  assert.equal(first.status, 401)
  assert.equal(((await first.json()) as Problem)['error'], 'invalid_token')
  await Promise.all(Array.from({ length: 59 }, register))
  const limited = await register()
  assert.equal(limited.status, 429)
  assert.ok(Number(limited.headers.get('retry-after')) >= 1)
  assert.equal(((await limited.json()) as Problem)['error'], 'temporarily_unavailable')
})

test('a key pasted into an address or a body never reaches the log', async () => {
  await using world = await createWorld()
  const key = mintSecret(world.deps.random, 'lkm_live_')
  const person = await world.person()
  await fetch(`${world.url}/v1/keys/${key}`)
  await person.browser.get(`/keys/${key}/expire`)
  await fetch(`${world.url}/v1/leaks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: `{"tokens": ["${key}", }`,
  })
  assert.ok(world.logs.length > 0)
  assert.equal(world.logs.filter(line => line.includes(key)).length, 0)
})
