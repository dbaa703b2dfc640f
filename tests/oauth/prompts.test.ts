import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { decodeJwt } from 'jose'
import type { Answer, BrowserSession } from '../support/browser-session.ts'
import { createBrowserSession } from '../support/browser-session.ts'
import {
  type AuthorizationRequest,
  authorizationUrl,
  exchangeCode,
  pushedAuthorizationUrl,
} from '../support/oauth-client.ts'
import { join, uninstall } from '../support/steps.ts'
import { createWorld, PASSWORD, type Person, REDIRECT } from '../support/world.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())
const app = await world.app()

type Way = { request: AuthorizationRequest; page: Answer }

/** Sends a browser to the authorization endpoint; returns our page or the redirect that leaves. */
async function ask(browser: BrowserSession, extra: Record<string, string>, scope = 'openid'): Promise<Way> {
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT, scope, extra })
  return { request, page: await browser.follow(await browser.get(request.url.href)) }
}

const passer = () => createBrowserSession(world.url)
const isConsent = (page: Answer) => /<h1>Install Shipyard|is installed already/.test(page.text)

function errorOf(page: Answer): string | null {
  assert.ok(page.location?.startsWith(REDIRECT), `${page.status} ${page.location} ${page.text.slice(0, 800)}`)
  return new URL(page.location ?? '').searchParams.get('error')
}

async function signIn(browser: BrowserSession, page: Answer, email: string, password = PASSWORD): Promise<Answer> {
  return await browser.follow(await browser.submit(page.form('/signin'), { email, password }))
}

/** Submits the consent page and returns the claims of the ID token. */
async function decide(browser: BrowserSession, { request, page }: Way): Promise<ReturnType<typeof decodeJwt>> {
  assert.ok(isConsent(page), `${page.url} ${page.text.slice(0, 800)}`)
  const decision = page.text.includes('is installed already') ? 'continue' : 'install'
  const back = await browser.follow(await browser.submit(page.form('/interaction/'), { decision }))
  const tokens = await exchangeCode(app.client, request, back.location ?? '')
  return decodeJwt(tokens.id_token ?? '')
}

const seconds = () => Math.floor(world.clock.now() / 1_000)

test('prompt=login requires the password again, and auth_time is the time of that sign-in', async () => {
  const person = await world.person({ staysSignedIn: false })
  const { request, page } = await ask(person.browser, { prompt: 'login' })
  assert.equal(new URL(page.url).pathname, '/signin')
  assert.match(page.text, /asks for your password again/)
  assert.equal(page.form('/signin').fields['email'], person.email)
  const around = await person.browser.follow(await person.browser.get(page.form('/signin').fields['return_to'] ?? ''))
  assert.equal(new URL(around.url).pathname, '/signin', 'the detour leads back')
  const wrong = await signIn(person.browser, page, person.email, 'not the password')
  assert.equal(wrong.status, 422)
  world.clock.advance(30_000)
  const entered = seconds()
  const consent = await signIn(person.browser, wrong, person.email)
  world.clock.advance(60_000)
  const { auth_time } = await decide(person.browser, { request, page: consent })
  assert.ok(Number(auth_time) >= entered && Number(auth_time) < entered + 30, `${auth_time} ${entered}`)
})

test('auth_time is the time of the sign-in, not of the consent', async () => {
  const person = await world.person({ staysSignedIn: false })
  const signedIn = seconds()
  world.clock.advance(600_000)
  const { auth_time } = await decide(person.browser, await ask(person.browser, { max_age: '3600' }))
  assert.ok(Math.abs(Number(auth_time) - signedIn) < 30, `${auth_time} ${signedIn}`)
})

test('max_age requires the password after an older sign-in, before the page and again at submit', async () => {
  const person = await world.person({ staysSignedIn: false })
  world.clock.advance(120_000)
  const old = await ask(person.browser, { max_age: '60' })
  assert.equal(new URL(old.page.url).pathname, '/signin')
  const fresh = await ask(person.browser, { max_age: '300' })
  assert.ok(isConsent(fresh.page))
  world.clock.advance(300_000)
  const late = await person.browser.submit(fresh.page.form('/interaction/'), { decision: 'install' })
  assert.match(late.location ?? '', /\/signin\?.*again=password/)
  const again = await signIn(person.browser, await person.browser.follow(late), person.email)
  assert.ok((await decide(person.browser, { ...fresh, page: again })).sub)
  assert.equal(new URL((await ask(person.browser, { max_age: '0' })).page.url).pathname, '/signin')
})

test('Cancel requires no password', async () => {
  const person = await world.person({ staysSignedIn: false })
  const { page } = await ask(person.browser, { max_age: '300' })
  world.clock.advance(400_000)
  const back = await person.browser.submit(page.form('/interaction/'), { decision: 'cancel' })
  assert.equal(errorOf(await person.browser.follow(back)), 'access_denied')
})

test('default_max_age of the registration applies if the request has none', async () => {
  const strict = await world.app({ metadata: { default_max_age: 60 } })
  const person = await world.person({ staysSignedIn: false })
  const request = () => authorizationUrl(strict.client, { redirectUri: REDIRECT, scope: 'openid' })
  assert.ok(isConsent(await person.browser.follow(await person.browser.get((await request()).url.href))))
  world.clock.advance(120_000)
  const page = await person.browser.follow(await person.browser.get((await request()).url.href))
  assert.equal(new URL(page.url).pathname, '/signin')
})

test('prompt=none: each required interaction has its error', async () => {
  assert.equal(errorOf((await ask(passer(), { prompt: 'none' })).page), 'login_required')
  const person = await world.person({ staysSignedIn: false })
  assert.equal(errorOf((await ask(person.browser, { prompt: 'none' })).page), 'consent_required')
  const before = await ask(person.browser, {}, 'openid charges:read')
  const { sub } = await decide(person.browser, before)
  const none = async (extra: Record<string, string> = {}, scope = 'openid charges:read') =>
    errorOf((await ask(person.browser, { prompt: 'none', ...extra }, scope)).page)
  assert.equal(await none(), null)
  assert.equal(await none({}, 'openid charges:read charges:write'), 'consent_required', 'more permissions')
  assert.equal(await none({}, 'openid'), 'consent_required', 'all of the manifest’s')
  assert.equal(await none({ mode: 'test' }), 'consent_required', 'another mode')
  assert.equal(await none({ prompt: 'none consent' }), 'invalid_request')
  assert.equal(await none({ login_hint: 'somebody@example.org' }), 'login_required')
  assert.equal(await none({ login_hint: person.email.toUpperCase() }), null)
  assert.equal(await none({ login_hint: String(sub) }), null)
  world.clock.advance(120_000)
  assert.equal(await none({ max_age: '60' }), 'login_required')
  assert.equal(await none({ max_age: '3600' }), null)
})

test('prompt=none returns tokens for an installed app, mints nothing, and ends with the installation', async () => {
  const person = await world.person({ staysSignedIn: false })
  const installed = await world.install(person, app)
  const counts = () =>
    world.deps.database.read(async tx => [await tx('keys').count(), await tx('installations').count()])
  const before = await counts()
  const { request, page } = await ask(person.browser, { prompt: 'none' }, 'openid charges:read')
  assert.equal(errorOf(page), null)
  const tokens = await exchangeCode(app.client, request, page.location ?? '')
  const [detail] = tokens['authorization_details'] as Record<string, unknown>[]
  assert.deepEqual([detail?.['installation_id'], detail?.['permissions']], [installed.id, ['charges:read']])
  assert.equal(decodeJwt(tokens.id_token ?? '').sub, person.userId)
  assert.deepEqual(await counts(), before)
  const pushed = await pushedAuthorizationUrl(app.client, { redirectUri: REDIRECT, extra: { prompt: 'none' } })
  const back = await person.browser.get(pushed.url.href)
  assert.ok((await exchangeCode(app.client, pushed, back.location ?? '')).access_token)
  const authorization_details = JSON.stringify([{ type: 'installation', permissions: ['charges:read'], mode: 'live' }])
  const detailed = await ask(person.browser, { prompt: 'none', authorization_details })
  const [second] = (await exchangeCode(app.client, detailed.request, detailed.page.location ?? ''))[
    'authorization_details'
  ] as Record<string, unknown>[]
  assert.deepEqual([second?.['installation_id'], second?.['permissions']], [installed.id, ['charges:read']])
  await uninstall(person, installed.id)
  assert.equal(errorOf((await ask(person.browser, { prompt: 'none' })).page), 'consent_required')
})

test('prompt=none reveals nothing about an admin who never consented, and does not choose between two accounts', async () => {
  const [owner, admin] = [
    await world.person({ staysSignedIn: false }),
    await world.person({ accountName: 'Quay Coffee' }),
  ]
  await join(world, admin, owner, 'admin')
  await world.install(owner, app)
  assert.equal(errorOf((await ask(admin.browser, { prompt: 'none' }, 'openid charges:read')).page), 'consent_required')
  await world.install(admin, app, { fields: { account: admin.accountId } })
  assert.equal(errorOf((await ask(admin.browser, { prompt: 'none' }, 'openid charges:read')).page), null)
  const there = await ask(admin.browser, {}, 'openid charges:read')
  const form = { ...there.page.form('/interaction/'), fields: { account: owner.accountId, mode: 'live' } }
  const back = await admin.browser.follow(await admin.browser.submit(form, { decision: 'continue' }))
  assert.ok((await exchangeCode(app.client, there.request, back.location ?? '')).access_token)
  const both = await ask(admin.browser, { prompt: 'none' }, 'openid charges:read')
  assert.equal(errorOf(both.page), 'account_selection_required')
})

async function idTokenOf(person: Person): Promise<string> {
  const { tokens } = await world.install(person, app, { scope: 'openid charges:read' })
  return tokens.id_token ?? ''
}

test('id_token_hint: another person must sign in as the named one, or the platform gets an error', async () => {
  const [ada, eve] = [await world.person({ staysSignedIn: false }), await world.person({ staysSignedIn: false })]
  const id_token_hint = await idTokenOf(ada)
  const own = await ask(ada.browser, { id_token_hint })
  assert.ok(isConsent(own.page))
  const silent = await ask(eve.browser, { id_token_hint, prompt: 'none' })
  assert.equal(errorOf(silent.page), 'login_required')
  const again = await ask(eve.browser, { id_token_hint })
  assert.equal(new URL(again.page.url).pathname, '/signin')
  assert.ok(!again.page.text.includes(ada.email), 'an ID token does not reveal an email')
  assert.equal(errorOf(await signIn(eve.browser, again.page, eve.email)), 'login_required')
  const right = await ask(eve.browser, { id_token_hint })
  const consent = await signIn(eve.browser, right.page, ada.email)
  assert.equal((await decide(eve.browser, { ...right, page: consent })).sub, ada.userId)
  assert.equal(errorOf((await ask(ada.browser, { id_token_hint: 'nonsense' })).page), 'invalid_request')
})

test('login_hint: hidden characters, several lines and overlong values are not filled in', async () => {
  for (const hint of [
    '\u202ea@example.com',
    'a@example.com\r\nb',
    'a\u200b@example.com',
    `${'a'.repeat(250)}@b.example`,
  ]) {
    const { page } = await ask(passer(), { login_hint: hint })
    assert.equal(page.form('/signin').fields['email'], '', JSON.stringify(hint))
  }
})

test('login_hint fills in the email, and asks a person who is signed in as another', async () => {
  const [ada, eve] = [await world.person({ staysSignedIn: false }), await world.person({ staysSignedIn: false })]
  const stranger = await ask(passer(), { login_hint: ada.email })
  assert.equal(stranger.page.form('/signin').fields['email'], ada.email)
  assert.ok(isConsent((await ask(ada.browser, { login_hint: ada.email })).page))
  const choice = await ask(eve.browser, { login_hint: ada.email })
  assert.equal(choice.page.form('/signin').fields['email'], ada.email)
  const [, goOn = ''] = /href="([^"]+)">Continue as/.exec(choice.page.text) ?? []
  const stays = await eve.browser.follow(await eve.browser.get(goOn))
  assert.equal((await decide(eve.browser, { ...choice, page: stays })).sub, eve.userId)
  const other = await ask(eve.browser, { login_hint: ada.email })
  const consent = await signIn(eve.browser, other.page, ada.email)
  assert.equal((await decide(eve.browser, { ...other, page: consent })).sub, ada.userId)
})

test('prompt=select_account offers the signed-in person and another; an invalid choice is no choice', async () => {
  const [ada, eve] = [await world.person({ staysSignedIn: false }), await world.person({ staysSignedIn: false })]
  const asked = await ask(ada.browser, { prompt: 'select_account' })
  const [, goOn = ''] = /href="([^"]+)">Continue as/.exec(asked.page.text) ?? []
  assert.ok(goOn.endsWith(`as=${ada.userId}`))
  const forged = await ada.browser.follow(await ada.browser.get(goOn.replace(ada.userId, eve.userId)))
  assert.equal(new URL(forged.url).pathname, '/signin')
  const page = await ada.browser.follow(await ada.browser.get(goOn))
  assert.equal((await decide(ada.browser, { ...asked, page })).sub, ada.userId)
})

test('prompt=create leads to sign-up, also for a signed-in person, and back', async () => {
  for (const browser of [passer(), (await world.person({ staysSignedIn: false })).browser]) {
    const asked = await ask(browser, { prompt: 'create', login_hint: 'wanted@example.com' })
    assert.equal(new URL(asked.page.url).pathname, '/signup')
    const form = asked.page.form('/signup')
    assert.equal(form.fields['email'], 'wanted@example.com')
    const email = `new-${Math.abs(browser.cookieHeader('/').length)}@example.com`
    const filled = { account_name: 'New', email, password: PASSWORD }
    const consent = await browser.follow(await browser.submit(form, filled))
    assert.ok((await decide(browser, { ...asked, page: consent })).sub)
  }
})

test('prompt=consent asks although nothing is new, and an unknown prompt is invalid_request', async () => {
  const person = await world.person({ staysSignedIn: false })
  await world.install(person, app)
  const asked = await ask(person.browser, { prompt: 'consent' })
  assert.equal((await decide(person.browser, asked)).sub, person.userId)
  assert.equal(errorOf((await ask(person.browser, { prompt: 'dance' })).page), 'invalid_request')
})

test('unsupported parameters are harmless, with openid and without', async () => {
  const extra = {
    ui_locales: 'da en',
    claims_locales: 'da',
    display: 'popup',
    acr_values: 'urn:mace:incommon:iap:silver',
    claims: '{"userinfo":{"email":null},"id_token":{"email":{"essential":true}}}',
    nonce: 'n',
    foo: 'bar',
  }
  for (const scope of ['openid charges:read', 'charges:read']) {
    const person = await world.person({ staysSignedIn: false })
    const asked = await ask(person.browser, extra, scope)
    assert.ok(isConsent(asked.page), asked.page.location ?? asked.page.text.slice(0, 500))
    const pushed = await pushedAuthorizationUrl(app.client, { redirectUri: REDIRECT, scope, extra })
    assert.ok(isConsent(await person.browser.follow(await person.browser.get(pushed.url.href))))
  }
  const refused = async (name: string, value: string) =>
    errorOf((await ask((await world.person({ staysSignedIn: false })).browser, { [name]: value })).page)
  assert.equal(await refused('request', 'e30.e30.'), 'request_not_supported')
  assert.equal(await refused('request_uri', 'https://elsewhere.example/r'), 'request_uri_not_supported')
  assert.equal(await refused('registration', '{}'), 'registration_not_supported')
  const outside = await ask((await world.person({ staysSignedIn: false })).browser, { max_age: '60' }, 'charges:read')
  assert.equal(errorOf(outside.page), 'invalid_request')
})

test('a request may be posted from any site, and the session of the person applies', async () => {
  const person = await world.person({ staysSignedIn: false })
  const elsewhere = { origin: 'https://platform.example', 'sec-fetch-site': 'cross-site' }
  const post = async (url: URL, more = '') => {
    const answer = await passer().post('/oauth/authorize', {}, { ...elsewhere, 'content-type': null })
    assert.equal(answer.status, 303) // without a body: the error is on the page that follows
    return await person.browser.post(
      '/oauth/authorize',
      Object.fromEntries([...url.searchParams, ['x', more]]),
      elsewhere,
    )
  }
  const asked = await authorizationUrl(app.client, { redirectUri: REDIRECT, scope: 'openid', state: 'ä & b' })
  const page = await person.browser.follow(await post(asked.url))
  assert.equal((await decide(person.browser, { request: asked, page })).sub, person.userId)
  const silent = await authorizationUrl(app.client, { redirectUri: REDIRECT, extra: { prompt: 'none' } })
  const back = await person.browser.follow(await post(silent.url))
  assert.ok((await exchangeCode(app.client, silent, back.location ?? '')).access_token)
  assert.equal((await post(asked.url, 'x'.repeat(13_000))).status, 413)
})

test('an unreadable request gets an error page, sent either way', async () => {
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT, state: 'a\0b' })
  const answers = [
    [400, await passer().get(url.href)],
    [413, await passer().post('/oauth/authorize', { state: 'x'.repeat(13_000) })],
    [413, await passer().post('/oauth/authorize', { state: 'x'.repeat(70_000) })],
  ] as const
  for (const [status, answer] of answers) {
    assert.equal(answer.status, status)
    assert.match(answer.text, /<h1>/)
  }
})
