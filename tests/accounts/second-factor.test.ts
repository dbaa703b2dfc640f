import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOTP } from 'otpauth'
import { type Answer, type BrowserSession, createBrowserSession } from '../support/browser-session.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld, PASSWORD, type Person, type World } from '../support/world.ts'

const [SECOND, MINUTE] = [1_000, 60_000]

const secretOn = (page: Answer) => (/class="secret">([^<]*)</.exec(page.text)?.[1] ?? '').replaceAll(' ', '')
const codesOn = (page: Answer) =>
  [...page.text.matchAll(/class="recovery-code">([^<]*)</g)].map(([, code = '']) => code)

/** A person with an authenticator app; `code` is what it shows now. */
async function guarded(world: World) {
  const person = await world.person()
  const page = await person.browser.get('/settings/security/authenticator')
  const secret = secretOn(page)
  const code = () => new TOTP({ secret }).generate({ timestamp: world.clock.now() })
  const done = await person.browser.submit(page.form('/authenticator'), { code: code() })
  assert.equal(done.status, 200, done.text)
  world.clock.advance(30 * SECOND) // the code that set it up is used
  return { person, secret, code, recoveryCodes: codesOn(done) }
}

async function afterPassword(world: World, person: Person): Promise<{ browser: BrowserSession; page: Answer }> {
  const browser = createBrowserSession(world.url)
  const page = await browser.post('/signin', { email: person.email, password: PASSWORD, return_to: '/keys' })
  return { browser, page }
}

test('set up: a wrong code shows the same secret again; the right one turns it on and shows ten recovery codes', async () => {
  await using world = await createWorld({ worker: false })
  const { browser, userId, email } = await world.person()
  const page = await browser.get('/settings/security/authenticator')
  assert.match(page.text, /<svg role="img"/)
  const wrong = await browser.submit(page.form('/authenticator'), { code: '000000' })
  assert.equal(wrong.status, 422)
  assert.equal(secretOn(wrong), secretOn(page))
  assert.deepEqual(await rowsOf(world, 'authenticators', {}), [])
  const code = new TOTP({ secret: secretOn(page) }).generate({ timestamp: world.clock.now() })
  const stranger = await world.person()
  assert.equal((await stranger.browser.submit(page.form('/authenticator'), { code })).status, 303)
  const done = await browser.submit(wrong.form('/authenticator'), { code })
  assert.equal(new Set(codesOn(done)).size, 10)
  const [row] = await rowsOf(world, 'authenticators', {})
  assert.equal(row?.['user_id'], userId)
  assert.ok(!JSON.stringify(row).includes(secretOn(page)), 'the secret is encrypted')
  const stored = JSON.stringify(await rowsOf(world, 'recovery_codes', {}))
  for (const recoveryCode of codesOn(done)) assert.ok(!stored.includes(recoveryCode.replaceAll('-', '')))
  const again = await browser.submit(wrong.form('/authenticator'), { code })
  assert.equal(again.status, 303)
  const mails = await rowsOf(world, 'mails', { recipient: email })
  assert.equal(mails.length, 1)
  assert.match((await browser.get('/settings/security')).text, /10 recovery codes left/)
})

test('sign-in: the password alone signs nobody in; the code does, once', async () => {
  await using world = await createWorld({ worker: false })
  const { person, code } = await guarded(world)
  const { browser, page } = await afterPassword(world, person)
  assert.equal(page.status, 200)
  assert.equal(browser.cookie('latchkey'), undefined)
  assert.equal((await browser.get('/apps')).status, 303)
  const wrong = await browser.submit(page.form('Code'), { code: '000000' })
  assert.equal(wrong.status, 422)
  assert.match(wrong.text, /This code is wrong, or was used already/)
  const right = code()
  const done = await browser.submit(wrong.form('Code'), { code: right })
  assert.equal(done.location, `${world.url}/keys`)
  assert.equal((await browser.get('/apps')).status, 200)
  const replay = await afterPassword(world, person)
  assert.equal((await replay.browser.submit(replay.page.form('Code'), { code: right })).status, 422)
  world.clock.advance(30 * SECOND)
  assert.equal((await browser.submit(wrong.form('Code'), { code: code() })).status, 409) // the sign-in is over
  world.clock.advance(30 * SECOND)
  assert.equal((await replay.browser.submit(replay.page.form('Code'), { code: code() })).status, 303)
})

test('sign-in: of two requests with one code at the same time one succeeds', async () => {
  await using world = await createWorld({ worker: false })
  const { person, code } = await guarded(world)
  const [one, two] = [await afterPassword(world, person), await afterPassword(world, person)]
  const typed = code()
  const answers = await Promise.all(
    [one, two].map(({ browser, page }) => browser.submit(page.form('Code'), { code: typed })),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [303, 422])
})

test('sign-in: the clock of a phone may be 30 s off, and no code of an earlier step follows a later one', async () => {
  await using world = await createWorld({ worker: false })
  const { person, secret } = await guarded(world)
  world.clock.advance(2 * MINUTE)
  const at = (offset: number) => new TOTP({ secret }).generate({ timestamp: world.clock.now() + offset })
  for (const [offset, status] of [
    [-60 * SECOND, 422],
    [60 * SECOND, 422],
    [30 * SECOND, 303],
    [0, 422],
    [-30 * SECOND, 422],
  ] as const) {
    const { browser, page } = await afterPassword(world, person)
    assert.equal((await browser.submit(page.form('Code'), { code: at(offset) })).status, status, String(offset))
  }
})

test('sign-in: a recovery code works once, and a mail says so; new ones replace the old', async () => {
  await using world = await createWorld({ worker: false })
  const { person, recoveryCodes } = await guarded(world)
  const [first = '', second = ''] = recoveryCodes
  const use = async (code: string) => {
    const { browser, page } = await afterPassword(world, person)
    const [, other] = page.forms()
    assert.ok(other)
    const asked = await browser.submit(other, { way: 'recovery' })
    return (await browser.submit(asked.form('Recovery code'), { recovery_code: code })).status
  }
  assert.deepEqual([await use(first), await use(first), await use('abcd')], [303, 422, 422])
  const mails = await rowsOf(world, 'mails', { recipient: person.email })
  assert.ok(mails.some(({ model }) => String(model).includes('A recovery code was used')))
  const page = await person.browser.get('/settings/security')
  assert.match(page.text, /9 recovery codes left/)
  const renewed = codesOn(await person.browser.submit(page.form('/recovery-codes')))
  assert.equal(renewed.length, 10)
  assert.deepEqual([await use(second), await use(renewed[0] ?? '')], [422, 303])
})

test('sign-in: the second step ends after ten minutes and with a change of the password, and is bound to our key', async () => {
  await using world = await createWorld({ worker: false })
  const { person, code } = await guarded(world)
  const late = await afterPassword(world, person)
  world.clock.advance(10 * MINUTE)
  const answer = await late.browser.submit(late.page.form('Code'), { code: code() })
  assert.match(answer.location ?? '', /\/signin\?return_to=/)
  const changed = await afterPassword(world, person)
  await world.deps.database.knex('users').where({ id: person.userId }).update({ password_hash: 'another' })
  assert.equal((await changed.browser.submit(changed.page.form('Code'), { code: code() })).status, 303)
  assert.equal(changed.browser.cookie('latchkey'), undefined)
  const forged = await createBrowserSession(world.url).post('/signin/code', { pending: 'x.y', code: code() })
  assert.match(forged.location ?? '', /\/signin/)
})

test('429: ten wrong codes in 15 minutes; a right one resets the count', async () => {
  await using world = await createWorld({ worker: false, env: { RATE_LIMITS: 'on' } })
  const { person, code } = await guarded(world)
  const { browser, page } = await afterPassword(world, person)
  await world.deps.database.knex('rate_limits').delete()
  const statuses: number[] = []
  for (let tries = 0; tries < 11; tries += 1)
    statuses.push((await browser.submit(page.form('Code'), { code: '000000' })).status)
  assert.equal(statuses.at(-1), 429)
  assert.equal((await browser.submit(page.form('Code'), { code: code() })).status, 429)
  world.clock.advance(16 * MINUTE)
  const later = await afterPassword(world, person)
  assert.equal((await later.browser.submit(later.page.form('Code'), { code: code() })).status, 303)
})

test('removed: the password signs in alone, and the codes are gone', async () => {
  await using world = await createWorld({ worker: false })
  const { person } = await guarded(world)
  const page = await person.browser.get('/settings/security')
  await person.browser.submit(page.form('/authenticator/remove'))
  assert.equal((await afterPassword(world, person)).page.status, 303)
  assert.deepEqual(await rowsOf(world, 'recovery_codes', {}), [])
})
