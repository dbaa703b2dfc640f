import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { manage, move, update } from '../apps-registry/registration.ts'
import type { Answer } from '../support/browser-session.ts'
import { createBrowserSession } from '../support/browser-session.ts'
import { authorizationUrl } from '../support/oauth-client.ts'
import { createWorld, type PublishedApp, REDIRECT } from '../support/world.ts'

const world = await createWorld()
after(() => world[Symbol.asyncDispose]())
const passer = () => createBrowserSession(world.url)

async function slugOf(app: PublishedApp): Promise<string> {
  const row = await world.deps.database.read(tx => tx('apps').where({ id: app.id }).first('slug'))
  return String(row?.slug)
}

/** The page without its request id. */
const constant = ({ status, text }: Answer) => ({ status, text: text.replaceAll(/req_[0-9a-z]{26}/g, 'req_') })

async function listed(query = '', browser = passer()): Promise<string[]> {
  const { status, text } = await browser.get(`/marketplace${query}`)
  assert.equal(status, 200)
  return [...text.matchAll(/<h2><a href="\/marketplace\/[^"]+">([^<]*)<\/a><\/h2>/g)].map(([, name = '']) => name)
}

async function installationsOf(app: PublishedApp): Promise<number> {
  const [row] = await world.deps.database.read(tx =>
    tx('installations').where({ app_id: app.id }).count({ count: '*' }),
  )
  return Number(row?.['count'])
}

const installButton = (answer: Answer) =>
  answer.forms().some(form => form.buttons.some(({ value }) => value === 'install'))

test('an empty marketplace says so', async () => {
  await using fresh = await createWorld({ worker: false })
  const { status, text } = await createBrowserSession(fresh.url).get('/marketplace')
  assert.equal(status, 200)
  assert.match(text, /No apps yet/)
})

test('a draft is visible in its platform’s account and to nobody else', async () => {
  const app = await world.app({ draft: true, metadata: { client_name: 'Quiet Draft' } })
  const path = `/marketplace/${await slugOf(app)}`
  const stranger = await world.person()
  for (const browser of [passer(), stranger.browser]) {
    const [draft, none] = [await browser.get(path), await browser.get('/marketplace/there-is-no-such-app')]
    assert.equal(draft.status, 404)
    assert.deepEqual(
      constant(draft),
      constant({ ...none, text: none.text.replaceAll('there-is-no-such-app', path.slice(13)) }),
    )
    assert.equal((await listed('', browser)).includes('Quiet Draft'), false)
    assert.deepEqual(await listed('?q=Quiet+Draft', browser), [])
  }
  const { browser } = app.platform.person
  assert.equal((await browser.get(path)).status, 200)
  assert.ok((await listed('', browser)).includes('Quiet Draft'))
})

test('a stranger who tries to install a draft gets the 404 of an unknown app', async () => {
  const app = await world.app({ draft: true, metadata: { client_name: 'Closed Draft' } })
  const stranger = await world.person()
  const path = `/interaction/install/${await slugOf(app)}`
  assert.equal((await stranger.browser.get(path)).status, 404)
  assert.equal((await stranger.browser.post(path, { decision: 'install' })).status, 404)
  assert.equal(await installationsOf(app), 0)
})

test('a forged form for a stranger’s draft installs nothing', async () => {
  const app = await world.app({ draft: true, metadata: { client_name: 'Unready App' } })
  const stranger = await world.person()
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const refused = await stranger.browser.follow(await stranger.browser.get(url.href))
  assert.deepEqual([refused.status, refused.forms().length], [400, 0])
  const homes = [{}, { account: stranger.accountId }, { account: app.platform.person.accountId }]
  for (const fields of homes) {
    const path = `/interaction/install/${await slugOf(app)}`
    const forged = await stranger.browser.post(path, { decision: 'install', mode: 'test', version: '1', ...fields })
    assert.equal(forged.status, 404)
  }
  assert.equal(await installationsOf(app), 0)
  assert.equal(app.receiver.attempts.length, 0)
})

test('a member who may not install sees the draft of their account without a button', async () => {
  const app = await world.app({ draft: true, metadata: { client_name: 'Unready App' } })
  const { person } = app.platform
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  await world.deps.database.transaction(tx =>
    tx('memberships').where({ user_id: person.userId }).update({ role: 'viewer' }),
  )
  const page = await person.browser.follow(await person.browser.get(url.href))
  assert.equal(page.status, 200)
  assert.match(page.text, /not published yet/)
  assert.equal(installButton(page), false)
})

test('the owner installs a draft in test mode unless another mode is chosen', async () => {
  const app = await world.app({ draft: true, metadata: { client_name: 'Home Draft' } })
  const installed = await world.install(app.platform.person, app)
  assert.equal(installed.mode, 'test')
  assert.match((await app.receiver.waitFor('managed_key.created')).key ?? '', /^lkm_test_/)
})

test('a published app is listed for everybody, with its permissions, its keys and their delivery address', async () => {
  const metadata = { client_name: 'Open App', client_uri: 'https://open.example/', categories: ['Logistics'] }
  const app = await world.app({ metadata })
  const page = await passer().get(`/marketplace/${await slugOf(app)}`)
  assert.equal(page.status, 200)
  assert.match(page.text, /<h1>Open App<\/h1>/)
  const { catalog } = world.deps.config
  for (const name of ['charges:read', 'charges:write', 'customers:read'])
    assert.ok(page.text.includes(catalog.find(entry => entry.name === name)?.sentence ?? 'missing'), name)
  for (const text of [
    'To take payments.',
    'Shipyard, Inc.',
    'open.example',
    'Logistics',
    new URL(app.receiver.url).host,
  ])
    assert.ok(page.text.includes(text), text)
  assert.ok((await listed()).includes('Open App'))
})

test('search matches name, tagline, publisher and category in any case, and says when nothing is found', async () => {
  const metadata = { client_name: 'Zephyr Post', tagline: 'Carries parcels quietly.', categories: ['Kites'] }
  await world.app({ metadata })
  for (const query of ['zephyr', 'ZEPHYR post', 'parcels', 'kites', 'shipyard zephyr', '  zephyr  '])
    assert.deepEqual(await listed(`?q=${encodeURIComponent(query)}`), ['Zephyr Post'], query)
  const nothing = await passer().get('/marketplace?q=nothing+like+this')
  assert.match(nothing.text, /No app matches “nothing like this”/)
  assert.match(nothing.text, /value="nothing like this"/)
})

test('search accepts symbols, repeated words and very long words', async () => {
  for (const query of ['%', '_', "'", '"><script>alert(1)</script>', '\\', 'x'.repeat(5_000), '.*(']) {
    const { status, text } = await passer().get(`/marketplace?q=${encodeURIComponent(query)}`)
    assert.equal(status, 200, query.slice(0, 40))
    assert.doesNotMatch(text, /<script>alert/)
  }
  assert.equal((await passer().get('/marketplace?q=a&q=b&q[c]=d&category[]=e')).status, 200)
})

test('a category shows its own apps and is marked as chosen', async () => {
  await world.app({ metadata: { client_name: 'Round Kettle', categories: ['Tea & Cake'] } })
  const page = await passer().get('/marketplace?category=Tea%20%26%20Cake')
  assert.match(page.text, /<a href="\/marketplace\?category=Tea%20%26%20Cake" aria-current="true">Tea &amp; Cake<\/a>/)
  assert.deepEqual(await listed('?category=Tea%20%26%20Cake'), ['Round Kettle'])
  assert.deepEqual(await listed('?category=Nobody'), [])
})

test('Install redirects to the registered install_uri through Latchkey', async () => {
  const install_uri = 'https://open.example/start?from=market%20place&plan=a%26b'
  const app = await world.app({ metadata: { client_name: 'Leads Away', install_uri } })
  const form = (await passer().get(`/marketplace/${await slugOf(app)}`)).form('Install')
  assert.equal(form.method, 'GET')
  const answer = await passer().submit(form)
  assert.deepEqual([answer.status, answer.location], [303, install_uri])
})

test('a stranger who opens a draft’s install link gets the 404 of an unknown app', async () => {
  const install_uri = 'https://open.example/start'
  const app = await world.app({ draft: true, metadata: { client_name: 'Hidden Way', install_uri } })
  const path = `/marketplace/${await slugOf(app)}/install`
  assert.equal((await passer().get(path)).status, 404)
  assert.equal((await app.platform.person.browser.get(path)).location, install_uri)
})

test('Install leads to the consent page where there is no install_uri, and through sign-in for an anonymous visitor', async () => {
  const app = await world.app({ metadata: { client_name: 'Stays Here' } })
  const slug = await slugOf(app)
  const browser = passer()
  const page = await browser.get(`/marketplace/${slug}`)
  assert.match(String(page.headers['content-security-policy']), /form-action 'self'[^;]*/)
  const form = page.form('Install')
  assert.equal(form.action, `${world.url}/interaction/install/${slug}`)
  const stranger = await browser.submit(form)
  assert.equal(stranger.status, 303)
  assert.match(stranger.location ?? '', /\/signin\?return_to=%2Finteraction%2Finstall%2F/)
  const person = await world.person()
  const consent = await person.browser.submit((await person.browser.get(`/marketplace/${slug}`)).form('Install'))
  assert.match(consent.text, /<h1>Install Stays Here<\/h1>/)
  assert.equal(installButton(consent), true)
})

test('suspending an app suspends its keys, unlists it and blocks installs until it is resumed', async () => {
  const app = await world.app({ metadata: { client_name: 'On And Off' } })
  await world.install(await world.person(), app)
  const { key } = await app.receiver.waitFor('managed_key.created')
  const path = `/marketplace/${await slugOf(app)}`
  await move(world, app.id, 'suspend')
  assert.deepEqual(await world.verify(key ?? ''), { valid: false, code: 'suspended' })
  for (const { browser } of [{ browser: passer() }, await world.person()])
    assert.equal((await browser.get(path)).status, 404)
  assert.equal((await listed()).includes('On And Off'), false)
  const late = await world.person()
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const page = await late.browser.follow(await late.browser.get(url.href))
  assert.equal(installButton(page), false)
  assert.ok((await late.browser.submit(page.form('/interaction/'), { decision: 'install' })).status >= 400)
  assert.equal(await installationsOf(app), 1)
  await move(world, app.id, 'resume')
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  assert.equal((await passer().get(path)).status, 200)
  assert.equal((await world.install(await world.person(), app)).mode, 'live')
})

test('suspending a suspended app and resuming an active one are refused', async () => {
  const app = await world.app({ metadata: { client_name: 'Only Once' } })
  await assert.rejects(move(world, app.id, 'resume'), { code: 'app.status' })
  await move(world, app.id, 'suspend')
  await assert.rejects(move(world, app.id, 'suspend'), { code: 'app.status' })
  await assert.rejects(move(world, app.id, 'publish'), { code: 'app.status' })
})

test('a retired app is not listed on the marketplace', async () => {
  const app = await world.app({ metadata: { client_name: 'Sails Away' } })
  const path = `/marketplace/${await slugOf(app)}`
  assert.equal((await manage(app.registered, 'DELETE')).status, 204)
  assert.equal((await passer().get(path)).status, 404)
  assert.equal((await app.platform.person.browser.get(path)).status, 404)
  assert.equal((await app.platform.person.browser.get(`/interaction/install${path.slice(12)}`)).status, 404)
})

test('apps of the same name get distinct slugs, and a name without letters gets a slug too', async () => {
  const twins = await Promise.all([1, 2, 3].map(() => world.app({ metadata: { client_name: 'Twin Peaks' } })))
  const slugs = await Promise.all(twins.map(slugOf))
  assert.equal(new Set(slugs).size, 3)
  assert.ok(slugs.includes('twin-peaks'))
  for (const slug of slugs) {
    assert.match(slug, /^twin-peaks(-[0-9a-z]{5})?$/)
    assert.equal((await passer().get(`/marketplace/${slug}`)).status, 200)
  }
  const wordless = await slugOf(await world.app({ metadata: { client_name: '漢字 ☂' } }))
  assert.match(wordless, /^app(-[0-9a-z]{5})?$/)
  assert.equal(await slugOf(await world.app({ metadata: { client_name: 'Übergröße  Café!' } })), 'ubergro-e-cafe')
})

test('renaming an app keeps its slug', async () => {
  const app = await world.app({ metadata: { client_name: 'First Name' } })
  assert.equal((await update(app, { client_name: 'Second Name' })).status, 200)
  assert.equal(await slugOf(app), 'first-name')
  assert.match((await passer().get('/marketplace/first-name')).text, /<h1>Second Name<\/h1>/)
})

const HOSTILE = `"'><script>alert(1)</script><img src=x onerror=alert(1)>`

test('hostile text is escaped on every page that a person sees', async () => {
  const app = await world.app({
    metadata: {
      client_name: `Evil ${HOSTILE}`.slice(0, 80),
      tagline: HOSTILE,
      description: `${HOSTILE}\n\n${HOSTILE}`,
      categories: ['<b>x</b>"\'>'],
      permissions: [{ name: 'charges:read', purpose: HOSTILE }],
      managed_keys: [{ name: `<i>k</i>"'>` }],
      install_uri: `https://open.example/?a=${encodeURIComponent(HOSTILE)}&${encodeURIComponent(HOSTILE)}=b`,
    },
  })
  const slug = await slugOf(app)
  const person = await world.person({ accountName: HOSTILE.slice(0, 60) })
  const { url } = await authorizationUrl(app.client, { redirectUri: REDIRECT, state: HOSTILE })
  const pages = [
    await person.browser.get('/marketplace'),
    await person.browser.get('/marketplace?q=evil'),
    await person.browser.get(`/marketplace/${slug}`),
    await person.browser.get(`/interaction/install/${slug}`),
    await person.browser.follow(await person.browser.get(url.href)),
  ]
  const installed = await world.install(person, app)
  pages.push(await person.browser.get(`/apps/${installed.id}`), await person.browser.get('/apps'))
  pages.push(await person.browser.get(`/apps/${installed.id}/uninstall`))
  for (const page of pages) {
    assert.equal(page.status, 200, page.url)
    assert.ok(page.text.includes('&lt;script&gt;'), `${page.url} shows it`)
    for (const raw of ['<script>alert', '<img src=x', '<b>x</b>', '<i>k</i>'])
      assert.equal(page.text.includes(raw), false, `${page.url}: ${raw}`)
  }
  const { location = '' } = await person.browser.get(`/marketplace/${slug}/install`)
  assert.deepEqual(Object.fromEntries(new URL(location).searchParams), { a: HOSTILE, [HOSTILE]: 'b' })
})
