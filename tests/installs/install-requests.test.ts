import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mailsTo } from '../accounts/members.ts'
import { activityOf, changeRole, join, rowsOf, textOf } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'

async function setUp(world: World) {
  const app = await world.app()
  const [owner, viewer] = [await world.person(), await world.person({ accountName: 'Quay Coffee' })]
  await join(world, viewer, owner, 'viewer')
  await viewer.browser.post('/account', { account: owner.accountId })
  const [row] = await rowsOf(world, 'apps', { id: app.id })
  return { app, owner, viewer, listing: `/marketplace/${row?.['slug']}` }
}

test('a viewer requests an install; an owner approves by installing, and the viewer is told', async () => {
  await using world = await createWorld({ worker: false })
  const { owner, viewer, listing } = await setUp(world)
  const form = (await viewer.browser.get(listing)).form('Request install')
  assert.equal((await viewer.browser.submit(form, { note: 'For the spring sale' })).status, 303)
  assert.equal((await viewer.browser.submit(form, { note: 'Again' })).status, 303)
  assert.equal((await rowsOf(world, 'install_requests')).length, 1)
  assert.deepEqual(
    (await mailsTo(world, owner.email)).map(({ subject }) => subject),
    [`${viewer.email} asks for Shipyard Hosting`],
  )
  assert.ok(!(await viewer.browser.get('/settings/requests')).text.includes('Approve'))
  const queue = await owner.browser.get('/settings/requests')
  assert.match(textOf(queue), /For the spring sale/)
  const consent = await owner.browser.follow(await owner.browser.submit(queue.form('Approve')))
  assert.match(textOf(consent), /Install Shipyard Hosting/)
  const done = await owner.browser.submit(consent.form('/interaction/'), { decision: 'install' })
  assert.match(String(done.location), /\/installing$/)
  assert.equal((await rowsOf(world, 'install_requests')).length, 0)
  assert.deepEqual(
    (await mailsTo(world, viewer.email)).map(({ subject }) => subject),
    ['Shipyard Hosting is installed'],
  )
  const acts = await activityOf(world, owner.accountId)
  assert.deepEqual(
    acts.filter(what => what.startsWith('install')),
    ['install.requested', 'installation.created', 'install.request_approved'],
  )
})

test('an owner declines with a note; a viewer, a stranger and a second click decline nothing', async () => {
  await using world = await createWorld({ worker: false })
  const { owner, viewer, listing } = await setUp(world)
  const stranger = await world.person()
  await viewer.browser.submit((await viewer.browser.get(listing)).form('Request install'))
  const form = (await owner.browser.get('/settings/requests')).form('/decline')
  assert.equal((await viewer.browser.post(form.action)).status, 403)
  assert.equal((await stranger.browser.post(form.action)).status, 404)
  await changeRole(world, owner, 'developer')
  assert.equal((await owner.browser.submit(form)).status, 403, 'demoted between page and button')
  await changeRole(world, owner, 'admin')
  assert.equal((await owner.browser.submit(form, { note: 'Not this year' })).status, 303)
  assert.equal((await owner.browser.submit(form)).status, 404)
  const [mail] = await rowsOf(world, 'mails', { recipient: viewer.email })
  assert.match(String(mail?.['model']), /was declined.*Not this year/)
  assert.equal((await activityOf(world, owner.accountId)).at(-1), 'install.request_declined')
  assert.match(textOf(await owner.browser.get('/settings/requests')), /No open requests/)
})

test('who may install is offered no request; a developer requests live mode', async () => {
  await using world = await createWorld({ worker: false })
  const { owner, listing } = await setUp(world)
  assert.ok(!(await owner.browser.get(listing)).text.includes('Request install'))
  await changeRole(world, owner, 'developer')
  const form = (await owner.browser.get(listing)).form('Request install')
  assert.equal(form.fields['mode'], 'live')
})
