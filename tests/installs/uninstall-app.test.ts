import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  activityOf,
  changeRole,
  changeRows,
  countMade,
  keyAt,
  keysAt,
  rowsOf,
  stopClock,
  textOf,
  uninstall,
} from '../support/steps.ts'
import { createWorld, type WorldOptions } from '../support/world.ts'

const DAY = 86_400_000
const day = (at: number) => new Date(at).toISOString().slice(0, 10)

/** An active installation with two delivered keys. */
async function installed(options: WorldOptions = {}) {
  const world = await createWorld({ worker: false, ...options })
  const app = await world.app({ metadata: { managed_keys: [{ name: 'first' }, { name: 'second' }] } })
  const person = await world.person()
  const { id, tokens } = await world.install(person, app)
  await world.deliver()
  return {
    world,
    app,
    person,
    id,
    tokens,
    keys: keysAt(app),
    /** The codes with which the keys are refused; undefined for a valid key. */
    codes: async () => await Promise.all(keysAt(app).map(async key => (await world.verify(key))['code'])),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

test('the uninstall page: three choices, none preselected, and the use of each key', async () => {
  await using setting = await installed()
  const page = await setting.person.browser.get(`/apps/${setting.id}/uninstall`)
  assert.match(page.text, /<h1>Uninstall Shipyard Hosting\?<\/h1>/)
  for (const words of [
    'Expire keys now',
    'Keep keys active',
    'Keep until',
    'Uninstall app',
    'Cancel',
    'first',
    'second',
  ])
    assert.ok(textOf(page).includes(words), words)
  assert.equal(page.form('/uninstall').fields['keys'], undefined)
  assert.equal((page.text.match(/<input type="radio" name="keys"/g) ?? []).length, 3)
})

for (const fields of [{}, { keys: '' }, { keys: 'burn' }, { until: '2100-01-01' }]) {
  test(`without a choice (${JSON.stringify(fields)}) nothing happens, and the page says what is missing`, async () => {
    await using setting = await installed()
    const before = await countMade(setting.world)
    const again = await setting.person.browser.post(`/apps/${setting.id}/uninstall`, fields)
    assert.equal(again.status, 422)
    assert.ok(textOf(again).includes('Choose what should happen to the keys.'))
    assert.deepEqual(await countMade(setting.world), before)
    assert.deepEqual(await setting.codes(), [undefined, undefined])
  })
}

test('with "expire", no key of the installation verifies once the request has returned', async () => {
  await using setting = await installed()
  const { world, person, id, app } = setting
  const answer = await uninstall(person, id, { keys: 'expire' })
  assert.equal(answer.status, 303)
  assert.deepEqual(await setting.codes(), ['expired', 'expired'])
  const done = await person.browser.follow(answer)
  assert.ok(textOf(done).includes('Shipyard Hosting is uninstalled') && textOf(done).includes('is refused now'))
  await world.deliver()
  const told = await app.receiver.waitFor('installation.uninstalled')
  assert.deepEqual(told.faults, [])
  assert.equal(told.body.data.reason, 'account')
  assert.deepEqual(
    told.body.data.keys?.map(({ outcome }) => outcome),
    ['expired', 'expired'],
  )
})

test('with "keep", the keys keep working and are listed as kept under the app’s name', async () => {
  await using setting = await installed()
  const { world, person, id, app } = setting
  const done = await person.browser.follow(await uninstall(person, id, { keys: 'keep' }))
  assert.ok(textOf(done).includes('still works, with the permissions it had'))
  assert.deepEqual(await setting.codes(), [undefined, undefined])
  const listed = textOf(await person.browser.get('/keys'))
  assert.ok(listed.includes('Shipyard Hosting') && listed.includes('Kept after uninstall'))
  assert.ok(textOf(await person.browser.get('/apps')).includes('2 keys kept'))
  await world.deliver()
  const told = await app.receiver.waitFor('installation.uninstalled')
  assert.deepEqual(
    told.body.data.keys?.map(({ outcome, expires_at }) => [outcome, expires_at]),
    [
      ['kept', null],
      ['kept', null],
    ],
  )
  world.clock.advance(400 * DAY)
  assert.deepEqual(await setting.codes(), [undefined, undefined])
})

test('with "until", the keys end with that day in UTC, to the millisecond', async () => {
  await using setting = await installed()
  const { world, person, id, app } = setting
  const last = day(world.clock.now() + 10 * DAY)
  await uninstall(person, id, { keys: 'until', until: last })
  const end = Date.parse(`${last}T00:00:00Z`) + DAY
  await world.deliver()
  const told = await app.receiver.waitFor('installation.uninstalled')
  assert.deepEqual(
    told.body.data.keys?.map(({ outcome, expires_at }) => [outcome, expires_at]),
    [
      ['kept', new Date(end).toISOString()],
      ['kept', new Date(end).toISOString()],
    ],
  )
  stopClock(world, end - 1)
  assert.deepEqual(await setting.codes(), [undefined, undefined])
  stopClock(world, end)
  assert.deepEqual(await setting.codes(), ['expired', 'expired'])
})

test('today can be chosen as the last day', async () => {
  await using setting = await installed()
  const { world, person, id } = setting
  const now = world.clock.now()
  stopClock(world, now)
  const today = day(now)
  assert.equal((await uninstall(person, id, { keys: 'until', until: today })).status, 303)
  assert.deepEqual(await setting.codes(), [undefined, undefined])
})

for (const { name, until, message } of [
  { name: 'yesterday', until: (now: number) => day(now - DAY), message: 'Choose today or a later day.' },
  { name: 'long ago', until: () => '1970-01-01', message: 'Choose today or a later day.' },
  {
    name: 'in ten years',
    until: (now: number) => day(now + 3_650 * DAY),
    message: 'Choose a day within the next year.',
  },
  { name: 'the year 9999', until: () => '9999-12-31', message: 'Choose a day within the next year.' },
  { name: 'none', until: () => '', message: 'Choose the last day, as in 2030-01-31.' },
  { name: 'no date', until: () => 'tomorrow', message: 'Choose the last day, as in 2030-01-31.' },
  { name: 'a month', until: (now: number) => day(now + 40 * DAY).slice(0, 7), message: 'Choose the last day' },
  {
    name: 'the 31st of a month of 30',
    until: (now: number) => `${nextYear(now)}-04-31`,
    message: 'Choose the last day',
  },
  { name: 'the 30th of February', until: (now: number) => `${nextYear(now)}-02-30`, message: 'Choose the last day' },
  { name: 'a time', until: (now: number) => `${day(now + DAY)}T12:00`, message: 'Choose the last day' },
  { name: 'a number', until: () => '1893456000000', message: 'Choose the last day, as in 2030-01-31.' },
]) {
  test(`until ${name} is refused; the form keeps what was typed and nothing is changed`, async () => {
    await using setting = await installed()
    const { world, person, id } = setting
    const typed = until(world.clock.now())
    const again = await uninstall(person, id, { keys: 'until', until: typed })
    assert.equal(again.status, 422)
    assert.ok(textOf(again).includes(message), textOf(again))
    const { fields } = again.form('/uninstall')
    assert.deepEqual([fields['keys'], fields['until']], ['until', typed])
    const [row] = await rowsOf(world, 'installations', { id })
    assert.equal(row?.['status'], 'active')
    assert.deepEqual(await setting.codes(), [undefined, undefined])
  })
}

for (const answer of ['keep', 'until'] as const) {
  test(`with "${answer}", a key that was never delivered expires in any case, and its delivery is cancelled`, async () => {
    await using world = await createWorld({ worker: false })
    const app = await world.app({ metadata: { managed_keys: [{ name: 'first' }, { name: 'second' }] } })
    const person = await world.person()
    app.receiver.behave('ok', 'ok', { status: 500 })
    const { id } = await world.install(person, app)
    await world.deliver()
    const page = await person.browser.get(`/apps/${id}/uninstall`)
    assert.ok(textOf(page).includes('Never delivered') && textOf(page).includes('Expires in any case'))
    await uninstall(person, id, { keys: answer, until: day(world.clock.now() + 5 * DAY) })
    const lost = app.receiver.attempts.findLast(({ event }) => event?.key)?.event?.key ?? ''
    assert.equal((await world.verify(keyAt(app)))['valid'], true)
    assert.deepEqual(await world.verify(lost), { valid: false, code: 'expired' })
    world.clock.advance(DAY)
    await world.deliver()
    const sent = app.receiver.events.map(({ type }) => type)
    assert.deepEqual(sent, ['installation.created', 'managed_key.created', 'installation.uninstalled'])
    const told = app.receiver.events.at(-1)?.body.data.keys
    assert.deepEqual(told?.map(({ outcome }) => outcome).toSorted(), ['expired', 'kept'])
    const states = await world.deps.database.knex('deliveries').orderBy('sequence').pluck('status')
    assert.deepEqual(states, ['delivered', 'delivered', 'cancelled', 'delivered'])
  })
}

test('uninstalled before the first delivery: the platform gets both events, in order, and never the key', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await uninstall(person, id, { keys: 'keep' })
  await world.deliver()
  assert.deepEqual(
    app.receiver.events.map(({ type, body }) => [type, body.data.sequence]),
    [
      ['installation.created', 1],
      ['installation.uninstalled', 3],
    ],
  )
  assert.deepEqual(keysAt(app), [])
})

test('the uninstall event is self-contained', async () => {
  await using setting = await installed()
  const { world, person, id, app } = setting
  await uninstall(person, id, { keys: 'expire' })
  await world.deliver()
  const { body } = await app.receiver.waitFor('installation.uninstalled')
  const [row] = await rowsOf(world, 'installations', { id })
  const at = new Date(Number(row?.['uninstalled_at'])).toISOString()
  const ids = (await rowsOf(world, 'keys', { installation_id: id })).map(key => String(key['id'])).toSorted()
  assert.deepEqual(body, {
    type: 'installation.uninstalled',
    timestamp: body.timestamp,
    data: {
      installation: {
        id,
        generation: 1,
        account_id: person.accountId,
        account_name: 'Harbor Books',
        app_id: app.id,
        mode: 'live',
      },
      sequence: 4,
      keys: ids.toReversed().map(key => ({ id: key, outcome: 'expired', expires_at: at })),
      reason: 'account',
    },
  })
})

test('grants and tokens end with the installation, whatever happens to the keys', async () => {
  await using setting = await installed()
  const { world, person, id, tokens } = setting
  assert.ok((await rowsOf(world, 'oauth_grants')).length > 0)
  await uninstall(person, id, { keys: 'keep' })
  assert.deepEqual(await rowsOf(world, 'oauth_grants'), [])
  for (const model of ['Grant', 'AccessToken', 'RefreshToken', 'AuthorizationCode'])
    assert.deepEqual(await rowsOf(world, 'oauth_records', { model }), [], model)
  const userinfo = await fetch(`${world.url}/oauth/userinfo`, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  })
  assert.equal(userinfo.status, 401)
})

test('both logs have the uninstall, with the choice for the keys', async () => {
  await using setting = await installed()
  const { world, person, id, app } = setting
  await uninstall(person, id, { keys: 'keep' })
  for (const accountId of [person.accountId, app.platform.person.accountId]) {
    assert.equal((await activityOf(world, accountId)).at(-1), 'installation.uninstalled')
    const [entry] = await rowsOf(world, 'activity', { account_id: accountId, what: 'installation.uninstalled' })
    assert.deepEqual(JSON.parse(String(entry?.['data'])), { app: app.id, reason: 'account', expired: 0, kept: 2 })
  }
})

test('eight simultaneous submits with different choices: the first counts, the others change nothing', async () => {
  await using setting = await installed()
  const { world, person, id } = setting
  const answers = ['expire', 'keep', 'expire', 'keep', 'keep', 'expire', 'keep', 'expire']
  const pressed = await Promise.all(answers.map(keys => person.browser.post(`/apps/${id}/uninstall`, { keys })))
  for (const answer of pressed) assert.equal(answer.location, `${world.url}/apps/${id}/uninstalled`)
  assert.equal((await rowsOf(world, 'events', { type: 'installation.uninstalled' })).length, 1)
  assert.equal((await rowsOf(world, 'activity', { what: 'installation.uninstalled' })).length, 2)
  const codes = await setting.codes()
  assert.equal(codes[0], codes[1], 'one choice for all keys')
})

test('uninstalled already: the page leads to what happened to the keys, and a late submit changes nothing', async () => {
  await using setting = await installed()
  const { world, person, id } = setting
  await uninstall(person, id, { keys: 'keep' })
  const asked = await person.browser.get(`/apps/${id}/uninstall`)
  assert.equal(asked.location, `${world.url}/apps/${id}/uninstalled`)
  const before = await countMade(world)
  await person.browser.post(`/apps/${id}/uninstall`, { keys: 'expire' })
  assert.deepEqual(await setting.codes(), [undefined, undefined])
  assert.deepEqual(await countMade(world), before)
})

for (const role of ['developer', 'viewer'] as const) {
  test(`a ${role} is refused, on the page and at submit`, async () => {
    await using setting = await installed()
    const { world, person, id } = setting
    const { browser } = person
    const page = await browser.get(`/apps/${id}/uninstall`)
    await changeRole(world, person, role)
    const refused = await browser.submit(page.form('/uninstall'), { keys: 'expire' })
    assert.equal(refused.status, 403)
    assert.ok(textOf(refused).includes(`Nothing was changed: you are ${role} of Harbor Books`))
    assert.equal((await browser.get(`/apps/${id}/uninstall`)).status, 403)
    assert.ok(!textOf(await browser.get(`/apps/${id}`)).includes('Uninstall'))
    assert.deepEqual(await setting.codes(), [undefined, undefined])
  })
}

test('an installation whose keys have all passed their deadlines is uninstalled without a choice', async () => {
  await using setting = await installed()
  const { world, person, id, app } = setting
  await changeRows(world, tx => tx('keys').update({ status: 'expiring', expires_at: world.clock.now() - 1 }))
  const page = await person.browser.get(`/apps/${id}/uninstall`)
  assert.ok(!textOf(page).includes('Keep keys active'))
  assert.equal((await person.browser.submit(page.form('/uninstall'))).status, 303)
  await world.deliver()
  assert.deepEqual((await app.receiver.waitFor('installation.uninstalled')).body.data.keys, [])
})

test('during a rotation the page and the choice cover both keys', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const [row] = await rowsOf(world, 'keys')
  await person.browser.post(`/keys/${row?.['id']}/rotate`, { overlap: '86400' })
  await world.deliver()
  assert.equal(keysAt(app).length, 2)
  const page = await person.browser.get(`/apps/${id}/uninstall`)
  for (const { redacted } of await rowsOf(world, 'keys')) assert.ok(textOf(page).includes(String(redacted)))
  await uninstall(person, id, { keys: 'expire' })
  for (const key of keysAt(app)) assert.equal((await world.verify(key))['code'], 'expired')
  await world.deliver()
  assert.equal((await app.receiver.waitFor('installation.uninstalled')).body.data.keys?.length, 2)
})

test('a key that had a deadline already never gets a later one', async () => {
  await using setting = await installed()
  const { world, person, id, keys } = setting
  const deadline = world.clock.now() + DAY
  await changeRows(world, tx =>
    tx('keys').where({ name: 'first' }).update({ status: 'expiring', expires_at: deadline }),
  )
  await uninstall(person, id, { keys: 'until', until: day(world.clock.now() + 30 * DAY) })
  stopClock(world, deadline)
  assert.equal((await world.verify(keys[0] ?? ''))['code'], 'expired')
  assert.equal((await world.verify(keys[1] ?? ''))['valid'], true)
})

test('a failed installation is uninstalled without a choice, because none of its keys works', async () => {
  await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1' } })
  const app = await world.app()
  const person = await world.person()
  app.receiver.behave({ status: 500 }, { status: 500 })
  const { id } = await world.install(person, app)
  await world.deliver()
  world.clock.advance(2_000)
  await world.deliver()
  assert.equal((await uninstall(person, id, {})).status, 303)
  const [row] = await rowsOf(world, 'installations', { id })
  assert.equal(row?.['status'], 'uninstalled')
})

function nextYear(now: number): number {
  return new Date(now + 200 * DAY).getUTCFullYear()
}
