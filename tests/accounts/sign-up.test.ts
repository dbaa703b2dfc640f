import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { opaqueToken, systemRandom } from '../../server/base/random.ts'
import { createBrowserSession } from '../support/browser-session.ts'
import { onPostgres } from '../support/database.ts'
import { snapshot } from '../support/snapshot.ts'
import { createWorld } from '../support/world.ts'

const form = () => ({ account_name: 'Harbor Books', email: 'ada@example.com', password: opaqueToken(systemRandom) })

/** The error messages of one field, found by the id in its aria-describedby. */
function faultsBeside(html: string, field: string): string {
  return (
    new RegExp(`<p class="field-error" id="${field}-error">(.*?)</p>`, 's')
      .exec(html)?.[1]
      ?.replace(/<[^>]*>/g, '')
      .trim() ?? ''
  )
}

test('303: sign-up signs in at once as owner of the new account and continues to the requested page', async () => {
  await using world = await createWorld()
  const browser = createBrowserSession(world.url)
  const page = await browser.get('/signup?return_to=%2Fkeys')
  assert.equal(page.status, 200)
  const answer = await browser.submit(page.form('/signup'), form())
  assert.equal(answer.status, 303)
  assert.equal(answer.location, `${world.url}/keys`)
  const apps = await browser.get('/apps')
  assert.equal(apps.status, 200)
  assert.match(apps.text, /Harbor Books/)
  assert.match(apps.text, /Owner/)
})

test('303: sign-up without a destination leads to the marketplace', async () => {
  await using world = await createWorld()
  const answer = await createBrowserSession(world.url).post('/signup', form())
  assert.equal(answer.location, `${world.url}/marketplace`)
})

test('422: each field reports its error, the form keeps what was typed, and nothing is saved', async () => {
  await using world = await createWorld()
  const browser = createBrowserSession(world.url)
  const before = await snapshot(world.deps.database)
  const wrong: Record<string, [string, RegExp][]> = {
    account_name: [
      ['', /Name your account/],
      ['  ', /Name your account/],
      ['a'.repeat(121), /120 characters or fewer/],
      ['Harbor\nBooks', /on one line/],
      ['Harbor\u2028Books', /on one line/],
    ],
    email: [
      ['', /whole address/],
      ['ada', /whole address/],
      ['ada@', /whole address/],
      ['ada@example', /whole address/],
      ['a b@example.com', /whole address/],
      [`${'a'.repeat(250)}@example.com`, /254 characters or fewer/],
    ],
    password: [
      ['', /12 characters or more/],
      ['eleven char', /12 characters or more/],
      ['a'.repeat(201), /200 characters or fewer/],
    ],
  }
  for (const [field, values] of Object.entries(wrong)) {
    for (const [value, expected] of values) {
      const sent: Record<string, string> = { ...form(), [field]: value }
      const answer = await browser.post('/signup', sent)
      assert.equal(answer.status, 422, `${field}: ${value}`)
      assert.match(faultsBeside(answer.text, field), expected, `${field}: ${value}`)
      const { fields } = answer.form('/signup')
      for (const kept of ['account_name', 'email'])
        if (kept !== field) assert.equal(fields[kept], sent[kept], `${field}: ${value}`)
      if (field === 'email' && value.length <= 254) assert.equal(fields['email'], value)
      assert.equal(fields['password'], '')
      assert.equal(browser.cookie('latchkey'), undefined)
    }
  }
  assert.equal(await snapshot(world.deps.database), before)
})

test('422: a summary comes first, has the focus, and links to each field', async () => {
  await using world = await createWorld()
  const answer = await createBrowserSession(world.url).post('/signup', {
    account_name: '',
    email: 'ada',
    password: 'short',
  })
  const [summary = ''] = /<section[^>]*role="alert".*?<\/section>/s.exec(answer.text) ?? []
  assert.match(summary, /tabindex="-1"/)
  assert.match(summary, /autofocus/)
  assert.match(summary, /3 things need a change/)
  for (const field of ['account_name', 'email', 'password']) {
    assert.ok(summary.includes(`href="#${field}"`), field)
    const [control = ''] = new RegExp(`<input\\s[^>]*id="${field}"[^>]*>`, 's').exec(answer.text) ?? []
    assert.match(control, /aria-invalid="true"/)
    assert.ok(control.includes(`${field}-error`), field)
  }
})

test('422: a form without its fields, or with one twice, is an ordinary form error', async () => {
  await using world = await createWorld()
  const browser = createBrowserSession(world.url)
  const answer = await browser.post('/signup', {})
  assert.equal(answer.status, 422)
  assert.doesNotMatch(answer.text, /expected string/)
  assert.equal((await browser.post('/signup', { ...form(), email: ['a@example.com', 'b@example.com'] })).status, 422)
  assert.equal((await browser.post('/signup', form(), { 'content-type': 'application/json' })).status, 422)
})

test('422: an e-mail that exists in another case or with spaces is refused, and its account is unchanged', async () => {
  await using world = await createWorld()
  await world.person({ email: 'ada@example.com' })
  const before = await snapshot(world.deps.database)
  const browser = createBrowserSession(world.url)
  for (const email of ['ada@example.com', ' Ada@Example.COM ']) {
    const answer = await browser.post('/signup', { ...form(), email })
    assert.equal(answer.status, 422)
    assert.match(faultsBeside(answer.text, 'email'), /There is an account with this email/)
    assert.equal(answer.form('/signup').fields['account_name'], 'Harbor Books')
  }
  assert.equal(await snapshot(world.deps.database), before)
})

test('303 once: of two simultaneous sign-ups with one e-mail one succeeds', async () => {
  await using world = await createWorld()
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => createBrowserSession(world.url).post('/signup', form())),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 422, 422, 422])
})

test('400: a NUL character never reaches the database', async () => {
  await using world = await createWorld()
  const browser = createBrowserSession(world.url)
  assert.equal((await browser.post('/signup', { ...form(), account_name: 'Harbor\0Books' })).status, 400)
  assert.equal((await browser.post('/signin', { ...form(), email: 'ada\0@example.com' })).status, 400)
})

test('403: with SIGNUP=invite there is no form, and submitting one creates nobody', async () => {
  await using world = await createWorld({ env: { SIGNUP: 'invite' } })
  const browser = createBrowserSession(world.url)
  const page = await browser.get('/signup')
  assert.equal(page.status, 200)
  assert.match(page.text, /Accounts are by invitation/)
  assert.deepEqual(page.forms(), [])
  const before = await snapshot(world.deps.database)
  assert.equal((await browser.post('/signup', form())).status, 403)
  assert.equal((await browser.post('/signup', { ...form(), password: 'short' })).status, 403)
  assert.equal(await snapshot(world.deps.database), before)
})

test('secrets: neither the password nor the session token is in the database, its files or the log', async () => {
  await using world = await createWorld()
  const browser = createBrowserSession(world.url)
  const { email, password, account_name } = form()
  await browser.post('/signup', { email, password, account_name })
  await browser.post('/signin', { email, password })
  await browser.post('/signin', { email, password: `${password}x` })
  const token = browser.cookie('latchkey') ?? ''
  assert.ok(token.length >= 43)
  const files = onPostgres
    ? ''
    : ['', '-wal'].map(end => readFileSync(`${world.dataDir}/latchkey.db${end}`, 'latin1')).join()
  const everything = [await snapshot(world.deps.database), files, ...world.logs].join('\n')
  assert.ok(everything.includes(email))
  assert.ok(everything.includes('$argon2id$v=19$m=19456,t=2,p=1$'))
  for (const secret of [password, token]) assert.ok(!everything.includes(secret))
})

test('escaping: what was typed is never markup', async () => {
  await using world = await createWorld()
  const answer = await createBrowserSession(world.url).post('/signup', {
    account_name: '"><script>alert(1)</script>',
    email: '"><img src=x>',
    password: 'short',
    return_to: '/apps?"><script>',
  })
  assert.equal(answer.status, 422)
  assert.doesNotMatch(answer.text, /<script>|<img src=x/)
  assert.equal(answer.form('/signup').fields['account_name'], '"><script>alert(1)</script>')
})
