import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { basic, introspect, post, refresh } from '../oauth/flow.ts'
import {
  activityOf,
  askConsent,
  changeRole,
  countMade,
  join,
  keysAt,
  press,
  rowsOf,
  textOf,
  tokensFrom,
} from '../support/steps.ts'
import { createWorld, type WorldOptions } from '../support/world.ts'

const DAY = 86_400_000
const HEADING = 'Permissions never used in 30 days'

/** An active installation with two keys: one has every permission, the other may only read customers. */
async function installed(options: WorldOptions = {}) {
  const world = await createWorld({ worker: false, ...options })
  const app = await world.app({
    metadata: { managed_keys: [{ name: 'all' }, { name: 'report', permissions: ['customers:read'] }] },
  })
  const person = await world.person()
  const { id, tokens } = await world.install(person, app)
  await world.deliver()
  const [all = '', report = ''] = keysAt(app)
  /** Advances the clock and signs in again, because sessions end by the clock. */
  const later = async (ms: number) => {
    world.clock.advance(ms)
    await world.deps.database.knex('sessions').update({ expires_at: world.clock.now() + DAY })
  }
  return {
    world,
    app,
    person,
    id,
    tokens,
    all,
    report,
    later,
    page: () => person.browser.get(`/apps/${id}`),
    permissions: async () => JSON.parse(String((await rowsOf(world, 'installations', { id }))[0]?.['permissions'])),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

test('no permission is called unused before 30 days of counting: the page says since when it counts', async () => {
  await using setting = await installed()
  const { world, later } = setting
  for (const days of [0, 29.9]) {
    await later(days * DAY)
    const page = textOf(await setting.page())
    assert.ok(!page.includes(HEADING) && page.includes('is recorded since'))
  }
  await later(0.2 * DAY)
  assert.ok(textOf(await setting.page()).includes(HEADING))
  await world.deps.database.knex('usage_watches').update({ since: world.clock.now() - 29 * DAY })
  assert.ok(!textOf(await setting.page()).includes(HEADING), 'an older installation, but counted for 29 days only')
})

test('the 30 days count from activation: an installation that failed and was retried has just begun', async () => {
  await using setting = await installed()
  const { world, id, later } = setting
  await later(40 * DAY)
  await world.deps.database
    .knex('installations')
    .where({ id })
    .update({ activated_at: world.clock.now() - DAY })
  assert.ok(!textOf(await setting.page()).includes(HEADING))
})

test('a permission used by any key in the last 30 days is not listed, one used earlier is', async () => {
  await using setting = await installed()
  const { world, all, report, later } = setting
  await world.verify(all, { permission: 'charges:write' })
  await world.deps.usage.flush()
  await later(31 * DAY)
  await world.verify(all, { permission: 'charges:read' })
  await world.verify(report, { permission: 'customers:read' })
  const page = await setting.page()
  assert.ok(textOf(page).includes(HEADING) && textOf(page).includes('Remove 1 permission'))
  assert.equal(page.form('/narrow').fields['permissions'], 'charges:write')
})

test('calls that did not name a permission: nothing is called unused, and nothing can be removed', async () => {
  await using setting = await installed()
  const { world, all, person, id, later } = setting
  await later(31 * DAY)
  await world.verify(all)
  const page = textOf(await setting.page())
  assert.ok(!page.includes(HEADING) && page.includes('did not name a permission'))
  const answer = await person.browser.post(`/apps/${id}/narrow`, { permissions: 'charges:write' })
  assert.equal(answer.status, 409)
  assert.ok(textOf(answer).includes('Nothing was removed.'))
  assert.equal((await setting.permissions()).length, 3)
})

test('one click: keys and tokens lose the permission at once; the platform gets an event and both logs an entry', async () => {
  await using setting = await installed()
  const { world, app, person, tokens, all, report, later } = setting
  await later(31 * DAY)
  await world.verify(all, { permission: 'charges:read' })
  await world.verify(report, { permission: 'customers:read' })
  const answer = await person.browser.submit((await setting.page()).form('/narrow'))
  assert.equal(answer.status, 303)
  assert.deepEqual(await world.verify(all, { permission: 'charges:write' }), {
    valid: false,
    code: 'insufficient_permissions',
  })
  assert.equal((await world.verify(all, { permission: 'charges:read' }))['valid'], true)
  assert.equal((await world.verify(report, { permission: 'customers:read' }))['valid'], true)
  assert.deepEqual(await setting.permissions(), ['charges:read', 'customers:read'])
  const done = textOf(await person.browser.follow(answer))
  assert.ok(done.includes('1 permission was removed.') && done.includes('Every permission was used'))
  assert.doesNotMatch(String((await introspect(world, app, tokens.access_token))['scope']), /charges:write/)
  const { body } = await post(`${world.url}/oauth/token`, refresh(tokens.refresh_token), basic(app))
  assert.doesNotMatch(String(body['scope']), /charges:write/)
  await world.deliver()
  const told = await app.receiver.waitFor('installation.updated')
  assert.deepEqual([told.faults, told.body.data['permissions']], [[], ['charges:read', 'customers:read']])
  for (const account of [person.accountId, app.platform.person.accountId])
    assert.ok((await activityOf(world, account)).includes('installation.updated'))
})

test('a key without remaining permissions expires with an event, and the page announces it', async () => {
  await using setting = await installed()
  const { world, app, person, all, report, later } = setting
  await later(31 * DAY)
  for (const permission of ['charges:read', 'charges:write']) await world.verify(all, { permission })
  const page = await setting.page()
  assert.ok(textOf(page).includes('The key “report” would have none left: it expires.'))
  await person.browser.submit(page.form('/narrow'))
  assert.equal((await world.verify(report))['code'], 'expired')
  assert.equal((await world.verify(all))['valid'], true)
  await world.deliver()
  const told = await app.receiver.waitFor('managed_key.expired')
  assert.deepEqual([told.faults, told.body.data.key?.name, told.body.data.key?.permissions], [[], 'report', []])
  for (const account of [person.accountId, app.platform.person.accountId])
    assert.ok((await activityOf(world, account)).includes('key.expired'))
})

test('a use since the page was drawn, in this process or another, prevents the removal, and the page says why', async () => {
  await using setting = await installed()
  const { world, person, later } = setting
  await later(31 * DAY)
  const page = await setting.page()
  await using beside = await nodeBeside(world)
  const [key] = await rowsOf(world, 'keys', { name: 'all' })
  beside.deps.usage.note(String(key?.['id']), '203.0.113.7', 'charges:write')
  await beside.deps.usage.flush()
  const before = await countMade(world)
  const answer = await person.browser.submit(page.form('/narrow'))
  assert.equal(answer.status, 409)
  assert.ok(textOf(answer).includes('Nothing was removed. charges:write is not unused any more'))
  assert.deepEqual(await countMade(world), before)
  assert.equal((await setting.permissions()).length, 3)
})

test('a repeated and a simultaneous submit remove the permission once', async () => {
  await using setting = await installed()
  const { world, app, person, later } = setting
  await later(31 * DAY)
  const form = (await setting.page()).form('/narrow')
  const answers = await Promise.all([1, 2, 3].map(() => person.browser.submit(form)))
  assert.deepEqual(
    answers.map(({ status }) => status),
    [303, 303, 303],
  )
  await world.deliver()
  await app.receiver.waitFor('installation.updated')
  assert.equal((await rowsOf(world, 'events', { type: 'installation.updated' })).length, 1)
})

for (const fields of [{}, { permissions: '' }, { permissions: 'payouts:write' }, { permissions: 'x  y,z' }]) {
  test(`a permission that the installation does not have (${JSON.stringify(fields)}) removes nothing`, async () => {
    await using setting = await installed()
    const { person, id, later } = setting
    await later(31 * DAY)
    const answer = await person.browser.post(`/apps/${id}/narrow`, fields)
    assert.equal(answer.status, 303)
    assert.equal((await setting.permissions()).length, 3)
  })
}

test('a viewer sees unused permissions and cannot remove them; a stranger gets 404', async () => {
  await using setting = await installed()
  const { world, person, id, later } = setting
  await later(31 * DAY)
  const form = (await setting.page()).form('/narrow')
  await changeRole(world, person, 'viewer')
  const page = await setting.page()
  assert.ok(textOf(page).includes(HEADING) && !page.text.includes('/narrow'))
  assert.equal((await person.browser.submit(form)).status, 403)
  const stranger = await world.person()
  assert.equal((await stranger.browser.post(`/apps/${id}/narrow`, { permissions: 'charges:write' })).status, 404)
  await join(world, stranger, person, 'admin')
  assert.equal((await setting.permissions()).length, 3)
})

test('the platform cannot restore it: an authorization request for more changes nothing without consent', async () => {
  await using setting = await installed()
  const { world, app, person, all, later } = setting
  await later(31 * DAY)
  for (const permission of ['charges:read', 'customers:read']) await world.verify(all, { permission })
  await person.browser.submit((await setting.page()).form('/narrow'))
  await world.deliver()
  const { request, page } = await askConsent(person, app, { scope: 'charges:read charges:write customers:read' })
  const again = await tokensFrom(app, request, await press(person, page, 'continue'))
  assert.deepEqual(again.permissions, ['charges:read', 'customers:read'])
  assert.deepEqual(await setting.permissions(), ['charges:read', 'customers:read'])
  assert.equal((await world.verify(all, { permission: 'charges:write' }))['code'], 'insufficient_permissions')
})

test('a rotation that began earlier passes on the remaining permissions only', async () => {
  await using setting = await installed()
  const { world, app, person, id, later } = setting
  await later(31 * DAY)
  for (const permission of ['charges:read', 'customers:read']) await world.verify(setting.all, { permission })
  const [old] = await rowsOf(world, 'keys', { name: 'all', installation_id: id })
  await person.browser.post(`/keys/${old?.['id']}/rotate`, { overlap: '86400' })
  await person.browser.submit((await setting.page()).form('/narrow'))
  await world.deliver()
  for (const key of keysAt(app).slice(0, 1).concat(keysAt(app).slice(2)))
    assert.equal((await world.verify(key, { permission: 'charges:write' }))['code'], 'insufficient_permissions')
})
