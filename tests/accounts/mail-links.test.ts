import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSignInLink } from '../../server/accounts/sign-in-links.ts'
import { signUp } from '../../server/accounts/sign-up.ts'
import { createBrowserSession } from '../support/browser-session.ts'
import { eventually } from '../support/eventually.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld, PASSWORD, type World } from '../support/world.ts'

const HOUR = 3_600_000
const NEW = 'another long sentence'

/** Sends every mail and returns the paths of the links of a kind, the oldest first. */
async function linksIn(world: World, kind: 'reset' | 'confirm'): Promise<string[]> {
  await world.deps.mailer.sendDue()
  const folder = join(world.dataDir, 'mail')
  const files = readdirSync(folder).sort()
  const texts = files.map(file =>
    readFileSync(join(folder, file), 'utf8').replaceAll('=\r\n', '').replaceAll('=3D', '='),
  )
  return texts.flatMap(text => new RegExp(`/${kind}/link_[\\w.-]+`).exec(text)?.[0] ?? [])
}

async function forgets(world: World, email: string) {
  const browser = createBrowserSession(world.url)
  return await browser.submit((await browser.get('/forgot')).form('/forgot'), { email })
}

const sent = async (world: World, count: number) =>
  eventually(async () => (await rowsOf(world, 'mail_links', { kind: 'reset' })).length === count)

test('reset: a link by mail sets a new password once, ends all sessions, and no secret of it is stored', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  await forgets(world, person.email.toUpperCase())
  await sent(world, 1)
  const [mail] = await rowsOf(world, 'mails', {})
  const [path = ''] = await linksIn(world, 'reset')
  assert.ok(path.length > 60)
  assert.ok(!String(mail?.['model']).includes(path))
  const browser = createBrowserSession(world.url)
  const form = (await browser.get(path)).form('/reset/')
  for (const password of ['short', 'unbelievable'])
    assert.equal((await browser.submit(form, { new: password })).status, 422)
  assert.equal((await person.browser.get('/apps')).status, 200)
  assert.equal((await browser.submit(form, { new: NEW })).location, `${world.url}/signin`)
  assert.equal((await person.browser.get('/apps')).status, 303)
  const signIn = (password: string) =>
    createBrowserSession(world.url).post('/signin', { email: person.email, password })
  assert.deepEqual([(await signIn(PASSWORD)).status, (await signIn(NEW)).status], [422, 303])
  assert.equal((await browser.submit(form, { new: PASSWORD })).status, 404)
  assert.equal((await browser.get(path)).status, 404)
  const mails = await rowsOf(world, 'mails', { recipient: person.email })
  assert.ok(mails.some(({ model }) => String(model).includes('Your password was reset')))
})

test('reset: unknown addresses get the same response and no mail; nobody gets two mails in an hour', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person({ email: 'ada@example.com' })
  const alike = (text: string) => text.replaceAll('eve@', 'ada@').replaceAll(/req_[0-9a-z]{26}/g, '')
  const [known, unknown] = [await forgets(world, person.email), await forgets(world, 'eve@example.com')]
  assert.deepEqual([known.status, unknown.status], [200, 200])
  assert.equal(alike(unknown.text), alike(known.text))
  await sent(world, 1)
  await Promise.all([forgets(world, person.email), forgets(world, person.email)])
  world.clock.advance(HOUR)
  await Promise.all([forgets(world, person.email), forgets(world, person.email)])
  await sent(world, 2)
  const recipients = (await rowsOf(world, 'mails', {})).map(({ recipient }) => recipient)
  assert.deepEqual(recipients, [person.email, person.email])
  assert.equal((await forgets(world, '')).status, 422)
})

test('reset: a link that is late, forged or for another purpose is over', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  await forgets(world, person.email)
  await sent(world, 1)
  const [path = ''] = await linksIn(world, 'reset')
  const browser = createBrowserSession(world.url)
  const forged = [
    `${path}x`,
    path.slice(0, path.indexOf('.')),
    path.replace('/reset/', '/confirm/'),
    '/reset/x',
    '/reset/.',
  ]
  for (const other of forged) {
    assert.equal((await browser.get(other)).status, 404, other)
    assert.equal((await browser.post(other, { new: NEW })).status, 404, other)
  }
  assert.equal((await browser.get(path)).status, 200)
  world.clock.advance(HOUR)
  assert.equal((await browser.post(path, { new: NEW })).status, 404)
})

test('reset: of two requests with one link at the same time one succeeds', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  await forgets(world, person.email)
  await sent(world, 1)
  const [path = ''] = await linksIn(world, 'reset')
  const answers = await Promise.all([1, 2].map(() => createBrowserSession(world.url).post(path, { new: NEW })))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 404])
})

test('confirmation: sign-up sends a link; a button confirms the address, once', async () => {
  await using world = await createWorld({ worker: false })
  const browser = createBrowserSession(world.url)
  const email = 'ada@example.com'
  await browser.post('/signup', { account_name: 'Harbor Books', email, password: PASSWORD })
  const [path = ''] = await linksIn(world, 'confirm')
  const confirmedAt = async () => (await rowsOf(world, 'users', { email }))[0]?.['email_confirmed_at']
  const form = (await browser.get(path)).form('/confirm/')
  assert.equal(await confirmedAt(), null)
  const done = await browser.submit(form)
  assert.match(done.text, /Your email is confirmed/)
  assert.ok(Number(await confirmedAt()) > 0)
  assert.equal((await browser.submit(form)).status, 404)
})

test('403: with PASSWORDS=off nobody gets a link', async () => {
  await using world = await createWorld({ worker: false, env: { PASSWORDS: 'off' } })
  const browser = createBrowserSession(world.url)
  assert.equal((await browser.get('/forgot')).status, 403)
  assert.equal((await browser.post('/forgot', { email: 'ada@example.com' })).status, 403)
})

test('403: with PASSWORDS=off nobody changes a password, and the page of security has no form for it', async () => {
  await using world = await createWorld({ worker: false, env: { PASSWORDS: 'off' } })
  const { database } = world.deps
  const command = { email: 'ada@example.com', passwordHash: 'from before', accountName: 'Harbor Books', ip: '' }
  const { url } = await database.transaction(async tx => {
    const { user, account } = await signUp(tx, world.deps, command)
    return await createSignInLink(tx, world.deps, { userId: user.id, accountId: account.id, life: 60_000 })
  })
  const browser = createBrowserSession(world.url)
  await browser.submit((await browser.get(new URL(url).pathname + new URL(url).search)).form('Continue'))
  const page = await browser.get('/settings/security')
  assert.equal(page.status, 200)
  assert.doesNotMatch(page.text, /Change password/)
  const fields = { current: 'anything at all', new: 'another one that is long' }
  assert.equal((await browser.post('/settings/security/password', fields)).status, 403)
  assert.equal((await rowsOf(world, 'users'))[0]?.['password_hash'], 'from before')
})
