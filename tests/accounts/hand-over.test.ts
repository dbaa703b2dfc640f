import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { MINUTE, SECOND } from '../../server/base/clock.ts'
import { type AdminClient, createAdminClient } from '../admin-api/admin-client.ts'
import { type BrowserSession, createBrowserSession } from '../support/browser-session.ts'
import { snapshot } from '../support/snapshot.ts'
import { createWorld, PASSWORD, type World } from '../support/world.ts'

const SIGN_IN_URL = 'https://shop.example.com/signin?from=keys'

describe('hand-over from the operator’s own sign-in page', () => {
  let world: World
  let admin: AdminClient
  let made = 0
  before(async () => {
    world = await createWorld({ worker: false, env: { SIGN_IN_URL } })
    admin = await createAdminClient(world, { scopes: ['sign-in'] })
  })
  after(() => world[Symbol.asyncDispose]())

  const account = (external_id: string, role = 'owner', name = 'Harbor Books') => ({ external_id, role, name })

  /** Somebody new, as the operator’s server knows them. */
  function somebody(): { external_id: string; email: string; name: string } {
    made += 1
    return { external_id: `u${made}`, email: `hand${made}@example.com`, name: `Mara ${made}` }
  }

  async function linkFor(body: Record<string, unknown>): Promise<string> {
    const answer = await admin.call('POST', '/sign-in-links', body)
    assert.equal(answer.status, 201, answer.text)
    return String(answer.body['url'])
  }

  /** Sends a browser to the operator’s page, and returns what it is sent with. */
  async function sentAway(browser: BrowserSession, path: string): Promise<URL> {
    const answer = await browser.follow(await browser.get(path))
    assert.ok(answer.location, `${answer.status}`)
    return new URL(answer.location)
  }

  const emailOf = async (browser: BrowserSession) => /[\w-]+@example\.com/.exec((await browser.get('/apps')).text)?.[0]

  test('whoever must sign in is sent there, and a link with their state signs them in where they were going', async () => {
    const browser = createBrowserSession(world.url)
    const away = await sentAway(browser, '/keys?show=live')
    assert.equal(away.origin + away.pathname, 'https://shop.example.com/signin')
    assert.equal(away.searchParams.get('from'), 'keys')
    assert.equal(away.searchParams.get('return_to'), `${world.url}/keys?show=live`)
    assert.equal(away.searchParams.get('reauthenticate'), null)
    const state = away.searchParams.get('state') ?? ''
    assert.ok(state.length >= 40)
    const user = somebody()
    const url = await linkFor({ user, accounts: [account('a1')], return_to: away.searchParams.get('return_to'), state })
    const answer = await browser.get(url)
    assert.equal(answer.location, `${world.url}/keys?show=live`)
    assert.equal(await emailOf(browser), user.email)
    assert.equal((await browser.get(url)).status, 410, 'used twice')
  })

  test('without a state a page shows who and which account, and signs in by its button alone', async () => {
    const user = somebody()
    const url = await linkFor({ user, accounts: [account('a2', 'admin', 'Lighthouse')] })
    const browser = createBrowserSession(world.url)
    const page = await browser.get(url)
    assert.equal(page.status, 200)
    for (const shown of [user.email, user.name, 'Lighthouse', 'Continue']) assert.ok(page.text.includes(shown), shown)
    assert.match(String(page.headers['content-security-policy']), /frame-ancestors 'none'/)
    assert.equal(page.headers['cache-control'], 'no-store')
    assert.equal((await browser.get('/apps')).status, 303)
    const crossed = await browser.submit(page.form('/signin/link'), {}, { 'sec-fetch-site': 'cross-site' })
    assert.equal(crossed.status, 403)
    const answer = await browser.submit(page.form('/signin/link'))
    assert.equal(answer.location, `${world.url}/marketplace`)
    assert.equal(await emailOf(browser), user.email)
    assert.equal((await browser.submit(page.form('/signin/link'))).status, 410)
  })

  test('a state of another browser, of nobody, or in a frame or prefetch, signs nobody in without the button', async () => {
    const [own, other] = [createBrowserSession(world.url), createBrowserSession(world.url)]
    const state = (await sentAway(own, '/keys')).searchParams.get('state') ?? ''
    const body = { user: somebody(), accounts: [account('a3')] }
    const url = await linkFor({ ...body, state })
    assert.equal((await other.get(url)).status, 200)
    for (const headers of [{ 'sec-fetch-dest': 'iframe' }, { 'sec-purpose': 'prefetch' }])
      assert.equal((await own.get(url, headers)).status, 200)
    assert.equal((await own.get(await linkFor({ ...body, state: 'another' }))).status, 200)
    assert.equal((await own.get('/apps')).status, 303)
    assert.equal((await own.get(url)).status, 303)
    assert.equal((await own.get(await linkFor({ ...body, state }))).status, 200, 'a state counts once')
  })

  test('of two who use a link at once one is signed in; it works for 60 s', async () => {
    const user = somebody()
    const body = { user, accounts: [account('a4')] }
    const browsers = [createBrowserSession(world.url), createBrowserSession(world.url)]
    const url = await linkFor(body)
    const forms = await Promise.all(browsers.map(async browser => (await browser.get(url)).form('/signin/link')))
    const answers = await Promise.all(
      browsers.map((browser, at) => browser.submit(forms[at] ?? (assert.fail() as never))),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 410])
    const late = await linkFor(body)
    world.clock.advance(59 * SECOND)
    assert.equal((await createBrowserSession(world.url).get(late)).status, 200)
    world.clock.advance(SECOND)
    assert.equal((await createBrowserSession(world.url).get(late)).status, 410)
    assert.equal((await createBrowserSession(world.url).get('/signin/link?token=nonsense')).status, 410)
    assert.equal((await createBrowserSession(world.url).get('/signin/link')).status, 410)
  })

  test('accounts and roles follow: what is not listed ends, with the sessions there', async () => {
    const user = somebody()
    const listed = [account('b1', 'owner', 'One'), account('b2', 'viewer', 'Two')]
    const signIn = async (accounts: object[], more: object = {}) => {
      const browser = createBrowserSession(world.url)
      const page = await browser.get(await linkFor({ user, accounts, ...more }))
      await browser.submit(page.form('/signin/link'))
      return browser
    }
    const [inOne, inTwo] = [await signIn(listed), await signIn(listed, { account: 'external:b2' })]
    assert.match((await inTwo.get('/apps')).text, /Two/)
    const roles = async () =>
      await world.deps.database
        .knex('memberships')
        .join('users', 'users.id', 'memberships.user_id')
        .join('accounts', 'accounts.id', 'memberships.account_id')
        .where('users.external_id', user.external_id)
        .orderBy('accounts.external_id')
        .select('accounts.external_id', 'accounts.name', 'role')
    assert.deepEqual(await roles(), [
      { external_id: 'b1', name: 'One', role: 'owner' },
      { external_id: 'b2', name: 'Two', role: 'viewer' },
    ])
    await linkFor({ user: { ...user, name: 'Mara Lind' }, accounts: [account('b1', 'developer', 'One, Inc.')] })
    assert.deepEqual(await roles(), [{ external_id: 'b1', name: 'One, Inc.', role: 'developer' }])
    assert.equal((await inOne.get('/apps')).status, 200)
    assert.equal((await inTwo.get('/apps')).status, 303)
    const acts = await world.deps.database
      .knex('activity')
      .join('accounts', 'accounts.id', 'activity.account_id')
      .where('accounts.external_id', 'b2')
      .orderBy('number')
      .select('what', 'actor_type')
    assert.deepEqual(
      acts.filter(({ what }) => what.startsWith('member.')),
      ['member.added', 'member.removed'].map(what => ({ what, actor_type: 'admin_key' })),
    )
  })

  test('an email of another person is 409 email_taken, which names the field, and changes nothing', async () => {
    const [first, second] = [somebody(), somebody()]
    await linkFor({ user: first, accounts: [account('c1')] })
    await linkFor({ user: second, accounts: [account('c1', 'viewer')] })
    const before = await snapshot(world.deps.database)
    for (const external_id of ['unknown', second.external_id]) {
      const user = { ...second, external_id, email: first.email.toUpperCase() }
      const { status, body } = await admin.call('POST', '/sign-in-links', { user, accounts: [account('c9')] })
      assert.deepEqual([status, body['code'], body['errors'][0].field], [409, 'email_taken', 'user.email'])
    }
    assert.equal(await snapshot(world.deps.database), before)
  })

  test('two programs that bring in the same person and account at once make one of each', async () => {
    const user = somebody()
    const links = await Promise.all(Array.from({ length: 6 }, () => linkFor({ user, accounts: [account('d1')] })))
    assert.equal(new Set(links).size, 6)
    const count = async (table: string, external_id: string) =>
      (await world.deps.database.knex(table).where({ external_id })).length
    assert.deepEqual([await count('users', user.external_id), await count('accounts', 'd1')], [1, 1])
  })

  test('what cannot be meant is refused with the field at fault, and changes nothing', async () => {
    const right = { user: somebody(), accounts: [account('e1')] }
    const wrong: [string, Record<string, unknown>][] = [
      ['user.email', { user: { ...right.user, email: 'mara' } }],
      ['user.external_id', { user: { ...right.user, external_id: '' } }],
      ['user.name', { user: { ...right.user, name: 'two\nlines' } }],
      ['accounts', { accounts: [] }],
      ['accounts', { accounts: [account('e1'), account('e1', 'viewer')] }],
      ['accounts.0.role', { accounts: [account('e1', 'king')] }],
      ['account', { account: 'external:e2' }],
      ['authenticated_at', { authenticated_at: 'yesterday' }],
      ['authenticated_at', { authenticated_at: new Date(world.clock.now() + 5 * MINUTE).toISOString() }],
      ...[
        'https://shop.example.com/',
        '//shop.example.com',
        `${world.url}.example.com/`,
        `${world.url}@example.com/`,
      ].map((return_to): [string, Record<string, unknown>] => ['return_to', { return_to }]),
    ]
    const before = await snapshot(world.deps.database)
    for (const [field, part] of wrong) {
      const { status, body, text } = await admin.call('POST', '/sign-in-links', { ...right, ...part })
      assert.deepEqual([status, body['errors']?.[0]?.field], [400, field], text)
    }
    assert.equal(await snapshot(world.deps.database), before)
  })

  test('a fresh sign-in is asked for with reauthenticate=1, and an old one is not taken for it', async () => {
    const browser = createBrowserSession(world.url)
    const user = somebody()
    const accounts = [account('f1')]
    const first = await browser.get(await linkFor({ user, accounts }))
    await browser.submit(first.form('/signin/link'))
    for (const [authenticated_at, status] of [
      [new Date(world.clock.now() - MINUTE).toISOString(), 403],
      [undefined, 303],
    ] as const) {
      const away = await sentAway(browser, '/signin?return_to=/keys&again=password')
      assert.equal(away.searchParams.get('reauthenticate'), '1')
      const state = away.searchParams.get('state')
      const url = await linkFor({ user, accounts, state, return_to: `${world.url}/keys`, authenticated_at })
      assert.equal((await browser.get(url)).status, status)
    }
  })

  test('prompt=login and max_age are satisfied by a fresh hand-over, and by no old one', async () => {
    const app = await world.app()
    const browser = createBrowserSession(world.url)
    const user = somebody()
    const query = new URLSearchParams({
      client_id: app.id,
      response_type: 'code',
      redirect_uri: 'http://127.0.0.1:9/callback',
      code_challenge: 'a'.repeat(43),
      code_challenge_method: 'S256',
      prompt: 'login',
      max_age: '60',
      scope: 'openid charges:read',
    })
    const first = await sentAway(browser, `/oauth/authorize?${query}`)
    assert.equal(first.host, 'shop.example.com', first.href)
    const back = (at: number, away: URL) =>
      linkFor({
        user,
        accounts: [account('g1')],
        state: away.searchParams.get('state'),
        return_to: away.searchParams.get('return_to'),
        authenticated_at: new Date(at).toISOString(),
      })
    const old = await browser.follow(await browser.get(await back(world.clock.now() - 10 * MINUTE, first)))
    const again = new URL(old.location ?? '')
    assert.equal(again.searchParams.get('reauthenticate'), '1')
    const page = await browser.follow(await browser.get(await back(world.clock.now(), again)))
    assert.equal(page.status, 200)
    assert.match(page.text, /Install/)
  })

  test('passwords are off: no form, no sign-up, no sign-in with one, and signing out does not sign in again', async () => {
    const browser = createBrowserSession(world.url)
    for (const path of ['/signin', '/signup']) {
      const { status, text } = await browser.post(path, {
        email: 'a@example.com',
        password: PASSWORD,
        account_name: 'A',
      })
      assert.equal(status, 403, text)
    }
    assert.match((await browser.get('/signup')).location ?? '', /\/signin\?/)
    const out = await browser.follow(await browser.post('/signout'))
    assert.equal(out.status, 200)
    assert.match(out.text, /You are signed out/)
    assert.doesNotMatch(out.text, /type="password"|Create account/)
    assert.match(out.text, /href="\/signin\/hand-over/)
    const metadata = await fetch(`${world.url}/.well-known/openid-configuration`)
    assert.doesNotMatch(await metadata.text(), /"create"/)
  })

  test('no token of a link is stored or logged', async () => {
    const url = new URL(await linkFor({ user: somebody(), accounts: [account('h1')] }))
    const token = url.searchParams.get('token') ?? assert.fail()
    await createBrowserSession(world.url).get(url.href)
    assert.ok(!(await snapshot(world.deps.database)).includes(token))
    assert.ok(!world.logs.join('\n').includes(token))
  })
})
