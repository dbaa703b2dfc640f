import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { type BrowserSession, createBrowserSession } from '../support/browser-session.ts'
import { snapshot } from '../support/snapshot.ts'
import { createWorld, type World, type WorldOptions } from '../support/world.ts'
import { type IdentityServer, startIdentityServer } from './identity-server.ts'

const worldOf = (idp: IdentityServer, env: Record<string, string> = {}, options: WorldOptions = {}) =>
  createWorld({
    worker: false,
    outboundTimeoutMs: 300,
    ...options,
    env: {
      IDENTITY_ISSUER: idp.issuer,
      IDENTITY_CLIENT_ID: 'latchkey',
      IDENTITY_CLIENT_SECRET: 'a word: with signs',
      IDENTITY_NAME: 'Northwind',
      ...env,
    },
  })

/** The address at the provider to which the sign-in page leads. */
async function leavesFor(browser: BrowserSession, path = '/keys', again = ''): Promise<URL> {
  const query = new URLSearchParams({ return_to: path, ...(again && { again }) })
  const answer = await browser.get(`/signin/identity?${query}`)
  assert.equal(answer.status, 303, answer.text)
  return new URL(answer.location ?? '')
}

async function signIn(world: World, idp: IdentityServer, browser = createBrowserSession(world.url)) {
  const answer = await browser.get(idp.signIn((await leavesFor(browser)).href))
  return { browser, answer }
}

const membershipsOf = async (world: World, subject: string) =>
  await world.deps.database
    .knex('memberships')
    .join('identities', 'identities.user_id', 'memberships.user_id')
    .join('accounts', 'accounts.id', 'memberships.account_id')
    .where({ subject })
    .orderBy('accounts.external_id')
    .select('accounts.external_id', 'accounts.name', 'role')

describe('people from an OpenID provider', () => {
  let idp: IdentityServer
  let world: World
  let claimed: World
  before(async () => {
    idp = await startIdentityServer()
    ;[world, claimed] = await Promise.all([
      worldOf(idp),
      worldOf(idp, { IDENTITY_ACCOUNTS_CLAIM: 'https://northwind.example/accounts' }),
    ])
  })
  beforeEach(() => {
    Object.assign(idp, { claims: {}, userinfo: {}, forged: false })
    idp.instead.clear()
  })
  after(async () => {
    await Promise.all([world[Symbol.asyncDispose](), claimed[Symbol.asyncDispose]()])
    await idp.close()
  })

  test('the sign-in page offers it by name, and asks with PKCE, state and nonce', async () => {
    const browser = createBrowserSession(world.url)
    const page = await browser.follow(await browser.get('/keys'))
    assert.match(page.text, /Continue with Northwind/)
    assert.doesNotMatch(page.text, /type="password"/)
    const [href = ''] = /\/signin\/identity[^"]*/.exec(page.text) ?? []
    const away = new URL((await browser.get(href.replaceAll('&amp;', '&'))).location ?? '')
    const asked = Object.fromEntries(away.searchParams)
    assert.equal(asked['redirect_uri'], `${world.url}/signin/callback`)
    assert.equal(asked['scope'], 'openid email profile')
    assert.equal(asked['code_challenge_method'], 'S256')
    for (const name of ['state', 'nonce', 'code_challenge']) assert.equal(asked[name]?.length, 43, name)
    assert.equal(asked['prompt'], undefined)
    idp.claims = { sub: 'p0', email: 'p0@example.com', name: 'Mara' }
    const answer = await browser.get(idp.signIn(away.href))
    assert.equal(answer.location, `${world.url}/keys`)
    assert.equal((await browser.get('/keys')).status, 200)
  })

  test('a person is who they are by iss and sub: a changed email follows, a changed sub is somebody else', async () => {
    idp.claims = { sub: 'p1', email: 'p1@example.com', name: 'Mara Lind' }
    await signIn(world, idp)
    assert.deepEqual(await membershipsOf(world, 'p1'), [{ external_id: null, name: 'Mara Lind', role: 'owner' }])
    idp.claims['email'] = 'mara@example.com'
    const { browser } = await signIn(world, idp)
    assert.match((await browser.get('/apps')).text, /mara@example\.com/)
    assert.equal((await membershipsOf(world, 'p1')).length, 1)
    idp.claims['sub'] = 'p1-again'
    const before = await snapshot(world.deps.database)
    const { answer } = await signIn(world, idp)
    assert.equal(answer.status, 409)
    assert.match(answer.text, /Another person has this email/)
    assert.equal(await snapshot(world.deps.database), before)
  })

  test('an email of somebody with a password is shown as a conflict and never merged', async () => {
    const { email, userId } = await world.person()
    idp.claims = { sub: 'thief', email }
    const { answer, browser } = await signIn(world, idp)
    assert.equal(answer.status, 409)
    assert.equal((await browser.get('/apps')).status, 303)
    assert.deepEqual(await world.deps.database.knex('identities').where({ user_id: userId }), [])
  })

  test('claims of the ID token come first, missing ones from userinfo; without an email nobody is mailed', async () => {
    idp.claims = { sub: 'p2', email: 'p2@example.com' }
    idp.userinfo = { email: 'other@example.com', name: 'From Userinfo' }
    await signIn(world, idp)
    assert.equal((await membershipsOf(world, 'p2'))[0]?.name, 'From Userinfo')
    assert.equal((await world.deps.database.knex('users').where({ external_id: 'p2' }).first()).email, 'p2@example.com')
    idp.claims = { sub: 'p3' }
    idp.userinfo = {}
    assert.equal((await signIn(world, idp)).answer.status, 303)
    assert.match((await world.deps.database.knex('users').where({ external_id: 'p3' }).first()).email, /\.invalid$/)
    idp.claims = { sub: 'p4' }
    idp.userinfo = { sub: 'somebody-else', email: 'p4@example.com' }
    assert.equal((await signIn(world, idp)).answer.status, 502)
  })

  test('accounts and roles follow the claim: what it no longer lists ends, with the sessions there', async () => {
    const claim = 'https://northwind.example/accounts'
    const accounts = (...list: [string, string, string][]) => list.map(([id, name, role]) => ({ id, name, role }))
    idp.claims = {
      sub: 'q1',
      email: 'q1@example.com',
      name: 'Q',
      [claim]: accounts(['x', 'X', 'owner'], ['y', 'Y', 'viewer']),
    }
    const { browser } = await signIn(claimed, idp)
    assert.equal((await membershipsOf(claimed, 'q1')).length, 2)
    const id = (await claimed.deps.database.knex('accounts').where({ external_id: 'x' }).first()).id
    await browser.post('/account', { account: id })
    idp.claims[claim] = accounts(['y', 'Y, Inc.', 'developer'])
    const { browser: second } = await signIn(claimed, idp)
    assert.deepEqual(await membershipsOf(claimed, 'q1'), [{ external_id: 'y', name: 'Y, Inc.', role: 'developer' }])
    assert.equal((await browser.get('/apps')).status, 303, 'looked at x')
    assert.equal((await second.get('/apps')).status, 200)
    for (const wrong of [
      undefined,
      'x',
      [{ id: 'x' }],
      accounts(['x', 'X', 'king']),
      accounts(['x', 'X', 'owner'], ['x', 'X', 'viewer']),
    ]) {
      idp.claims[claim] = wrong
      const before = await snapshot(claimed.deps.database)
      assert.equal((await signIn(claimed, idp)).answer.status, 502)
      assert.equal(await snapshot(claimed.deps.database), before)
    }
    delete idp.claims[claim]
    idp.userinfo = { [claim]: accounts(['z', 'Z', 'admin']) }
    await signIn(claimed, idp)
    assert.deepEqual(await membershipsOf(claimed, 'q1'), [{ external_id: 'z', name: 'Z', role: 'admin' }])
    idp.userinfo = { [claim]: [] }
    assert.equal((await signIn(claimed, idp)).answer.status, 403, 'a member of nothing')
    assert.deepEqual(await membershipsOf(claimed, 'q1'), [])
  })

  test('a fresh sign-in asks with prompt=login and max_age=0, and looks at auth_time', async () => {
    idp.claims = { sub: 'p5', email: 'p5@example.com', name: 'P' }
    const { browser } = await signIn(world, idp)
    const token = browser.cookie('latchkey')
    const away = await leavesFor(browser, '/keys', 'password')
    assert.equal(away.searchParams.get('prompt'), 'login')
    assert.equal(away.searchParams.get('max_age'), '0')
    assert.equal((await browser.get(idp.signIn(away.href))).status, 303)
    assert.notEqual(browser.cookie('latchkey'), token)
    for (const auth_time of [Math.floor(Date.now() / 1_000) - 3_600, undefined, 'now']) {
      idp.claims['auth_time'] = auth_time
      const again = await leavesFor(browser, '/keys', 'password')
      assert.equal((await browser.get(idp.signIn(again.href))).status, 502, String(auth_time))
    }
  })

  test('an answer that was not begun here, or twice, or with another state, signs nobody in', async () => {
    idp.claims = { sub: 'p6', email: 'p6@example.com', name: 'P' }
    const [own, other] = [createBrowserSession(world.url), createBrowserSession(world.url)]
    const callback = idp.signIn((await leavesFor(own)).href)
    assert.equal((await other.get(callback)).status, 403)
    assert.equal((await own.get(callback)).status, 303)
    assert.equal((await own.get(callback)).status, 403)
    await leavesFor(other)
    assert.equal((await other.get(callback)).status, 403)
    const away = await leavesFor(other)
    const refused = new URLSearchParams({ error: 'access_denied', state: away.searchParams.get('state') ?? '' })
    const answer = await other.get(`/signin/callback?${refused}`)
    assert.deepEqual([answer.status, /access_denied/.test(answer.text)], [403, true])
    assert.equal((await other.get('/apps')).status, 303)
  })

  test('a provider that lies about iss, aud, nonce, time or signature is not believed', async () => {
    const right = { sub: 'p7', email: 'p7@example.com', name: 'P' }
    const before = await snapshot(world.deps.database)
    const lies: Record<string, unknown>[] = [
      { iss: 'https://elsewhere.example' },
      { aud: 'another' },
      { aud: ['latchkey', 'another'], azp: 'another' },
      { nonce: 'another' },
      { nonce: undefined },
      { exp: 1 },
      { sub: undefined },
      { email: 'not an address' },
    ]
    for (const lie of lies) {
      idp.claims = { ...right, ...lie }
      assert.equal((await signIn(world, idp)).answer.status, 502, JSON.stringify(lie))
    }
    Object.assign(idp, { claims: right, forged: true })
    assert.equal((await signIn(world, idp)).answer.status, 502, 'forged')
    assert.equal(await snapshot(world.deps.database), before)
  })

  test('a provider that is slow, hangs up, redirects, or answers nonsense or without end gets a named page', async () => {
    idp.claims = { sub: 'p8', email: 'p8@example.com' }
    const json =
      (text: string): Parameters<typeof idp.instead.set>[1] =>
      (_req, res) =>
        void res.writeHead(200, { 'content-type': 'application/json' }).end(text)
    const faults: [string, number, Parameters<typeof idp.instead.set>[1]][] = [
      ['slow', 503, () => undefined],
      ['hangs up', 503, req => void req.socket.destroy()],
      ['nonsense', 502, json('{"sub": nonsense')],
      ['huge', 502, json(`{"sub":"${'a'.repeat(100_000)}"}`)],
      ['redirect', 502, (_req, res) => void res.writeHead(302, { location: '/jwks' }).end()],
      ['error', 502, (_req, res) => void res.writeHead(500).end('out of order')],
    ]
    for (const path of ['/token', '/userinfo'])
      for (const [name, status, instead] of faults) {
        idp.instead.clear()
        const browser = createBrowserSession(world.url)
        const callback = idp.signIn((await leavesFor(browser)).href)
        idp.instead.set(path, instead)
        assert.equal((await browser.get(callback)).status, status, `${path} ${name}`)
      }
    idp.instead.clear()
    assert.equal((await signIn(world, idp)).answer.status, 303, 'and then it works')
  })

  test('a provider that is down is asked again after five seconds, and not more often', async () => {
    await using late = await worldOf(idp)
    const metadata = '/.well-known/openid-configuration'
    idp.instead.set(metadata, req => void req.socket.destroy())
    const before = idp.asked.get(metadata) ?? 0
    const browser = createBrowserSession(late.url)
    for (let n = 0; n < 3; n += 1) assert.equal((await browser.get('/signin/identity')).status, 503)
    const failed = (idp.asked.get(metadata) ?? 0) - before
    assert.ok(failed <= 2, `${failed}`) // a connection that is closed is tried once more
    idp.instead.clear()
    late.clock.advance(5_001)
    idp.claims = { sub: 'r1', email: 'r1@example.com' }
    assert.equal((await signIn(late, idp)).answer.status, 303)
    await signIn(late, idp)
    assert.equal((idp.asked.get(metadata) ?? 0) - before, failed + 1, 'metadata is kept')
  })

  test('metadata of another issuer is refused, and so is an address that EGRESS_ALLOW does not name', async () => {
    await using other = await worldOf(idp, { IDENTITY_ISSUER: idp.issuer.replace('127.0.0.1', 'localhost') })
    assert.equal((await createBrowserSession(other.url).get('/signin/identity')).status, 502)
    await using closed = await worldOf(idp, { EGRESS_ALLOW: '' })
    assert.equal((await createBrowserSession(closed.url).get('/signin/identity')).status, 503)
  })
})
