import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { authorizationUrl, pushedAuthorizationUrl } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'
import { approve, basic, codeFor, exchange, introspect, type JsonAnswer, post, refresh } from './flow.ts'
import { assertion, createProofs } from './proofs.ts'

const world = await createWorld()
after(() => world[Symbol.asyncDispose]())
const app = await world.app()
const signed = await world.app({ metadata: { token_endpoint_auth_method: 'private_key_jwt' } })
const tokenEndpoint = `${world.url}/oauth/token`

async function eightTimes(work: () => Promise<JsonAnswer>): Promise<{ won: JsonAnswer[]; lost: JsonAnswer[] }> {
  const answers = await Promise.all(Array.from({ length: 8 }, work))
  return {
    won: answers.filter(({ status }) => status === 200),
    lost: answers.filter(({ status }) => status !== 200),
  }
}

/** The distinct errors of the refused requests. */
function verdicts(lost: JsonAnswer[]): string[] {
  return [...new Set(lost.map(({ status, body }) => `${status} ${body['error']}`))]
}

test('eight parallel uses of one code: one succeeds, seven are invalid_grant, and the managed key keeps working', async () => {
  const receiver = app.receiver
  const before = receiver.events.filter(event => event.type === 'managed_key.created').length
  const code = await codeFor(await world.person(), app)
  const { won, lost } = await eightTimes(() => post(tokenEndpoint, exchange(code), basic(app)))
  assert.equal(won.length, 1)
  assert.equal(lost.length, 7)
  assert.deepEqual(verdicts(lost), ['400 invalid_grant'])
  const event = await receiver.waitFor('managed_key.created', before + 1)
  assert.equal((await world.verify(event.key ?? ''))['valid'], true)
})

test('eight parallel uses of one refresh token: one succeeds, seven are invalid_grant', async () => {
  const { tokens } = await world.install(await world.person(), app)
  const { won, lost } = await eightTimes(() => post(tokenEndpoint, refresh(tokens.refresh_token), basic(app)))
  assert.equal(won.length, 1)
  assert.equal(lost.length, 7)
  assert.deepEqual(verdicts(lost), ['400 invalid_grant'])
})

test('a later replay of a code revokes its tokens, and not the managed key', async () => {
  const before = app.receiver.events.filter(event => event.type === 'managed_key.created').length
  const code = await codeFor(await world.person(), app)
  const { body: tokens } = await post(tokenEndpoint, exchange(code), basic(app))
  assert.equal((await introspect(world, app, tokens['access_token']))['active'], true)
  assert.equal((await post(tokenEndpoint, exchange(code), basic(app))).body['error'], 'invalid_grant')
  assert.deepEqual(await introspect(world, app, tokens['access_token']), { active: false })
  const refreshed = await post(tokenEndpoint, refresh(tokens['refresh_token']), basic(app))
  assert.equal(refreshed.body['error'], 'invalid_grant')
  const event = await app.receiver.waitFor('managed_key.created', before + 1)
  assert.equal((await world.verify(event.key ?? ''))['valid'], true)
})

test('a replay of a rotated refresh token revokes the whole family', async () => {
  const { tokens } = await world.install(await world.person(), app)
  const { body: next } = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))
  assert.ok(next['refresh_token'])
  assert.notEqual(next['refresh_token'], tokens.refresh_token)
  const replayed = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))
  assert.deepEqual([replayed.status, replayed.body['error']], [400, 'invalid_grant'])
  assert.equal((await post(tokenEndpoint, refresh(next['refresh_token']), basic(app))).body['error'], 'invalid_grant')
  assert.deepEqual(await introspect(world, app, next['access_token']), { active: false })
})

test('a pushed request starts one authorization; its request_uri is refused afterwards', async () => {
  const request = await pushedAuthorizationUrl(app.client, { redirectUri: REDIRECT })
  await approve(await world.person(), request.url)
  const stranger = await world.person()
  const answer = await stranger.browser.follow(await stranger.browser.get(request.url.href))
  assert.ok(answer.location?.startsWith(`${REDIRECT}?`), answer.location)
  const parameters = new URL(answer.location ?? '').searchParams
  assert.deepEqual([parameters.get('error'), parameters.get('code')], ['invalid_request_uri', null])
})

test('a pushed request opened by two people leads one of them to a code', async () => {
  const request = await pushedAuthorizationUrl(app.client, { redirectUri: REDIRECT })
  const people = await Promise.all([world.person(), world.person()])
  const pages = await Promise.all(
    people.map(async ({ browser }) => ({ browser, page: await browser.follow(await browser.get(request.url.href)) })),
  )
  const ends: (string | undefined)[] = []
  for (const { browser, page } of pages) {
    const form = page.forms().find(({ action }) => action.includes('/interaction/'))
    if (!form) continue
    ends.push((await browser.follow(await browser.submit(form, { decision: 'install' }))).location)
  }
  const codes = ends.filter(location => location && new URL(location).searchParams.has('code'))
  assert.equal(codes.length, 1)
})

test('a request_uri works for the client that pushed it only', async () => {
  const request = await pushedAuthorizationUrl(app.client, { redirectUri: REDIRECT })
  request.url.searchParams.set('client_id', signed.id)
  const { browser } = await world.person()
  const answer = await browser.follow(await browser.get(request.url.href))
  assert.ok(answer.location?.startsWith(`${REDIRECT}?`), answer.location)
  assert.ok(new URL(answer.location ?? '').searchParams.has('error'))
})

test('eight parallel uses of one client assertion: one succeeds, seven are invalid_client', async () => {
  const proof = await assertion(signed.id, signed.receiver, world.url)
  const { won, lost } = await eightTimes(() => post(tokenEndpoint, { grant_type: 'client_credentials', ...proof }))
  assert.equal(won.length, 1)
  assert.deepEqual(verdicts(lost), ['401 invalid_client'])
})

test('a jti is used up for its own client only', async () => {
  const second = await world.app({ metadata: { token_endpoint_auth_method: 'private_key_jwt' } })
  const jti = randomUUID()
  for (const { id, receiver } of [signed, second]) {
    const proof = await assertion(id, receiver, world.url, { jti })
    assert.equal((await post(tokenEndpoint, { grant_type: 'client_credentials', ...proof })).status, 200)
  }
})

test('eight parallel uses of one DPoP proof: one succeeds, seven are refused', async () => {
  const proof = await (await createProofs()).make('POST', tokenEndpoint)
  const { won, lost } = await eightTimes(() =>
    post(tokenEndpoint, { grant_type: 'client_credentials' }, { ...basic(app), dpop: proof }),
  )
  assert.equal(won.length, 1)
  assert.deepEqual(verdicts(lost), ['400 invalid_grant'])
})

test('a DPoP proof that got a token cannot get another', async () => {
  const proof = await (await createProofs()).make('POST', tokenEndpoint)
  const buy = () => post(tokenEndpoint, { grant_type: 'client_credentials' }, { ...basic(app), dpop: proof })
  assert.equal((await buy()).status, 200)
  assert.equal((await buy()).status, 400)
})

test('a DPoP proof for another URL or method is refused', async () => {
  const proofs = await createProofs()
  for (const proof of [await proofs.make('GET', tokenEndpoint), await proofs.make('POST', `${world.url}/oauth/par`)]) {
    const answer = await post(tokenEndpoint, { grant_type: 'client_credentials' }, { ...basic(app), dpop: proof })
    assert.deepEqual([answer.status, answer.body['error']], [400, 'invalid_dpop_proof'])
  }
})

test('a consent submitted twice at once makes one installation, and every code is for it', async () => {
  const person = await world.person()
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const page = await person.browser.follow(await person.browser.get(request.url.href))
  const ends = await Promise.all(
    [1, 2].map(async () => person.browser.follow(await person.browser.submit(page.form(), { decision: 'install' }))),
  )
  const rows = await world.deps.database.read(tx =>
    tx('installations').where({ account_id: person.accountId }).select('id'),
  )
  assert.equal(rows.length, 1)
  const codes = ends.flatMap(({ location }) => new URL(location ?? world.url).searchParams.get('code') ?? [])
  assert.ok(codes.length >= 1, ends.map(end => `${end.status} ${end.location}`).join(' | '))
  for (const value of codes) {
    const { body } = await post(tokenEndpoint, exchange({ value, request, cameBackTo: request.url }), basic(app))
    const [detail] = body['authorization_details'] as Record<string, unknown>[]
    assert.equal(detail?.['installation_id'], rows[0]?.id)
  }
})
