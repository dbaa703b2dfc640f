import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createBrowserSession } from '../support/browser-session.ts'
import { authorizationUrl } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'

/** The directives of a policy by name. */
function policyOf(header: unknown): Record<string, string> {
  const directives = String(header)
    .split(';')
    .map(part => part.trim().split(' '))
  return Object.fromEntries(directives.map(([name = '', ...values]) => [name, values.join(' ')]))
}

const REQUEST = /req_[0-9a-z]{26}/

test('headers: no page is framed, sniffed or cached, or runs anything but our own files', async () => {
  await using world = await createWorld({ worker: false })
  const { browser } = await world.person()
  for (const path of ['/signup', '/marketplace', '/apps', '/keys', '/activity', '/nowhere']) {
    const { headers, text } = await browser.get(path)
    assert.deepEqual(policyOf(headers['content-security-policy']), {
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'img-src': "'self'",
      'form-action': "'self'",
      'base-uri': "'none'",
      'frame-ancestors': "'none'",
    })
    assert.equal(headers['x-frame-options'], 'DENY', path)
    assert.equal(headers['x-content-type-options'], 'nosniff', path)
    assert.equal(headers['referrer-policy'], 'no-referrer', path)
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin', path)
    assert.equal(headers['cache-control'], 'no-store', path)
    assert.equal(headers['x-powered-by'], undefined, path)
    assert.match(String(headers['content-type']), /^text\/html; charset=utf-8$/i, path)
    assert.doesNotMatch(text, /<script(?![^>]*\ssrc=)|\sstyle=|<style|\son\w+=/i, path)
  }
})

const BY_OUR_FORM = { 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'navigate' }

test('headers: forms of the consent page and of a listing post to our own origin only, wherever they redirect', async () => {
  await using world = await createWorld({ worker: false })
  const install_uri = 'https://open.example/start?from=market'
  const [person, app] = [await world.person(), await world.app({ metadata: { install_uri } })]
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const consent = await person.browser.follow(await person.browser.get(request.url.href))
  for (const page of [consent, await person.browser.get('/marketplace/shipyard-hosting')])
    assert.equal(policyOf(page.headers['content-security-policy'])['form-action'], "'self'", page.url)
})

test('a form that leads to another origin: a program gets the redirect, a browser a page that continues by itself', async () => {
  await using world = await createWorld({ worker: false })
  const install_uri = 'https://open.example/start?from=market%20place&plan=a%26b'
  const [person, app] = [await world.person(), await world.app({ metadata: { install_uri } })]
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT, extra: { mode: 'unknown' } })
  const back = `${REDIRECT}?error=invalid_request`
  for (const [path, address] of [
    ['/marketplace/shipyard-hosting/install', install_uri],
    [request.url.href, back],
  ] as const) {
    for (const headers of [{}, { ...BY_OUR_FORM, 'sec-fetch-site': 'cross-site' }]) {
      const { status, location } = await person.browser.get(path, headers)
      assert.deepEqual([status, location?.startsWith(address)], [303, true], `${path} ${location}`)
    }
    const page = await person.browser.get(path, BY_OUR_FORM)
    assert.deepEqual([page.status, page.location], [200, undefined])
    assert.ok(String(page.headers['refresh']).startsWith(`0;url=${address}`), String(page.headers['refresh']))
    assert.ok(page.text.includes(`href="${address.replaceAll('&', '&amp;')}`), page.text)
    assert.equal(page.headers['cache-control'], 'no-store')
  }
})

test('404: an unknown page has our error page, with a request id', async () => {
  await using world = await createWorld({ worker: false })
  for (const path of [
    '/nowhere',
    '/apps/../nowhere',
    '/.git/config',
    '/views/error.ejs',
    '/assets/nothing.css',
    '/assets/../app.ts',
  ]) {
    const answer = await createBrowserSession(world.url).get(path)
    assert.equal(answer.status, 404, path)
    assert.match(answer.text, /There is nothing here/)
    assert.match(answer.text, REQUEST)
  }
})

test('404: a stranger’s object looks like an unknown one', async () => {
  await using world = await createWorld()
  const [owner, stranger, app] = [await world.person(), await world.person(), await world.app()]
  const { id } = await world.install(owner, app)
  const none = id.replace(/.{4}$/, '0000')
  for (const path of ['/apps/ID', '/apps/ID/uninstall', '/apps/ID/installing']) {
    const theirs = await stranger.browser.get(path.replace('ID', id))
    const nothing = await stranger.browser.get(path.replace('ID', none))
    assert.equal(theirs.status, 404, path)
    const alike = (text: string) => text.replaceAll(id, none).replaceAll(new RegExp(REQUEST, 'g'), '')
    assert.equal(alike(theirs.text), alike(nothing.text), path)
  }
})

test('400: a path or query that is unreadable or contains a NUL is not a 500', async () => {
  await using world = await createWorld({ worker: false })
  const { browser } = await world.person()
  for (const path of ['/marketplace/%E0%A4%A', '/marketplace/a%00b', '/marketplace?q=%00', '/keys/%00/expire'])
    assert.equal((await browser.get(path)).status, 400, path)
  assert.ok(!world.logs.some(line => line.includes('"level":"error"')))
})

test('413: a form over 64 kB is refused with our page, a smaller one is read', async () => {
  await using world = await createWorld({ worker: false })
  const browser = createBrowserSession(world.url)
  const large = await browser.post('/signup', { account_name: 'a'.repeat(66_000) })
  assert.equal(large.status, 413)
  assert.match(large.text, /The request is too large/)
  assert.equal((await browser.post('/signup', { account_name: 'a'.repeat(60_000) })).status, 422)
  const many = Object.fromEntries(Array.from({ length: 1_200 }, (_, count) => [`field${count}`, 'x']))
  assert.equal((await browser.post('/signup', many)).status, 413)
})

test('500: an internal fault does not reveal its cause, and the log has it under the request id of the page', async () => {
  await using world = await createWorld({ worker: false })
  const { browser } = await world.person()
  await world.deps.database.knex.schema.dropTable('memberships')
  const answer = await browser.get('/apps')
  assert.equal(answer.status, 500)
  assert.match(answer.text, /This is our fault/)
  assert.doesNotMatch(answer.text, /memberships|select|knex|node_modules|\.ts:/i)
  const [number = 'none'] = REQUEST.exec(answer.text) ?? []
  const lines = world.logs.filter(line => line.includes(number))
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /"level":"error".*memberships/)
})

test('log: no line contains a session token, also when a request fails', async () => {
  await using world = await createWorld({ worker: false })
  const { browser } = await world.person()
  const token = browser.cookie('latchkey') ?? ''
  await browser.get('/nowhere')
  await world.deps.database.knex.schema.dropTable('sessions')
  assert.equal((await browser.get('/apps')).status, 500)
  assert.ok(world.logs.length > 0)
  assert.ok(!world.logs.join('\n').includes(token))
})

test('addresses: no output follows Host or X-Forwarded headers', async () => {
  await using world = await createWorld({ worker: false, env: { TRUST_PROXY: '1' } })
  const { browser } = await world.person()
  const claims = {
    host: 'elsewhere.example',
    'x-forwarded-host': 'elsewhere.example',
    'x-forwarded-proto': 'https',
    forwarded: 'host=elsewhere.example;proto=https',
  }
  for (const path of ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']) {
    const claimed = await browser.get(path, claims)
    assert.deepEqual(claimed.json(), (await browser.get(path)).json())
    const metadata = claimed.json() as Record<string, unknown>
    assert.equal(metadata['issuer'], world.url)
    for (const [name, value] of Object.entries(metadata))
      if (/_(?:endpoint|uri)$/.test(name)) assert.ok(String(value).startsWith(`${world.url}/`), `${name}: ${value}`)
  }
  for (const path of ['/', '/signup', '/apps', '/keys', '/marketplace', '/nowhere', '/brand/logo', '/assets'])
    assert.doesNotMatch(JSON.stringify(await browser.get(path, claims)), /elsewhere\.example/, path)
  const stranger = createBrowserSession(world.url)
  assert.equal((await stranger.get('/apps', claims)).headers['location'], '/signin?return_to=%2Fapps')
})

test('brand: the operator’s logo is served from our own origin, wherever its file is, and runs no script', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-brand-'))
  const file = join(folder, '.config', 'logo.svg')
  mkdirSync(join(folder, '.config'))
  writeFileSync(file, '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
  try {
    await using world = await createWorld({ worker: false, env: { BRAND_LOGO: file, BRAND_NAME: 'Northwind & Sons' } })
    const logo = await fetch(`${world.url}/brand/logo`)
    assert.equal(logo.status, 200)
    assert.match(logo.headers.get('content-type') ?? '', /^image\/svg\+xml/)
    assert.match(logo.headers.get('content-security-policy') ?? '', /default-src 'none'.*sandbox/)
    assert.match((await createBrowserSession(world.url).get('/signup')).text, /Northwind &amp; Sons/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
