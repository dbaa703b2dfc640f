import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askConsent, changeRole, press, rowsOf, textOf, uninstall } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

test('a developer installs, suspends and uninstalls in test mode, and is offered no other', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  await changeRole(world, person, 'developer')
  const { page } = await askConsent(person, app)
  assert.equal(page.form('/interaction/').fields['mode'], 'test')
  assert.ok(!page.text.includes('Real money'))
  const forged = await press(person, page, 'install', { mode: 'live' })
  assert.equal(forged.status, 403)
  assert.match(textOf(forged), /you are developer of Harbor Books, and this needs an owner or admin/)
  assert.deepEqual(await rowsOf(world, 'installations'), [])
  const { id, mode } = await world.install(person, app)
  assert.equal(mode, 'test')
  await world.deliver()
  const [key] = await rowsOf(world, 'keys')
  assert.match((await person.browser.get(`/apps/${id}`)).text, /Uninstall/)
  assert.equal((await person.browser.post(`/apps/${id}/suspend`)).status, 303)
  assert.equal((await person.browser.post(`/apps/${id}/resume`)).status, 303)
  assert.equal((await person.browser.post(`/keys/${key?.['id']}/freeze`, { days: '7' })).status, 303)
  assert.equal((await person.browser.post(`/keys/${key?.['id']}/unfreeze`)).status, 303)
  assert.equal((await person.browser.post(`/keys/${key?.['id']}/rotate`, { overlap: '0' })).status, 303)
  assert.equal((await uninstall(person, id, { keys: 'expire' })).status, 303)
})

test('a developer does nothing to what is in live mode, and sees no button for it', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const [key] = await rowsOf(world, 'keys')
  await changeRole(world, person, 'developer')
  const page = await person.browser.get(`/apps/${id}`)
  assert.ok(page.forms().every(({ action }) => !action.includes(`/apps/${id}`)))
  assert.ok(!page.text.includes('/uninstall'))
  for (const act of ['suspend', 'resume', 'retry', 'send-now', 'narrow', 'uninstall'])
    assert.equal((await person.browser.post(`/apps/${id}/${act}`, { keys: 'expire' })).status, 403, act)
  for (const act of ['expire', 'freeze', 'unfreeze', 'edit', 'rotate'])
    assert.equal(
      (await person.browser.post(`/keys/${key?.['id']}/${act}`, { days: '7', overlap: '0' })).status,
      403,
      act,
    )
  const { page: live } = await askConsent(person, app, { extra: { mode: 'live' } })
  assert.match(textOf(live), /Your role does not let you install apps in live mode/)
  assert.equal((await rowsOf(world, 'installations', { status: 'uninstalled' })).length, 0)
})

test('a developer works on drafts, but neither submits nor touches what is published', async () => {
  await using world = await createWorld({ worker: false })
  const draft = await world.app({ draft: true })
  const { person, platformId } = draft.platform
  await changeRole(world, person, 'developer')
  const path = `/platform/apps/${draft.id}`
  assert.match((await person.browser.get('/platform')).text, /Register app/)
  assert.equal((await person.browser.get('/platform/apps/new')).status, 200)
  const page = await person.browser.get(path)
  assert.ok(!page.text.includes('Submit for review'))
  assert.equal((await person.browser.submit(page.form('Send test delivery'))).status, 303)
  assert.equal((await person.browser.post(`${path}/submit`)).status, 403)
  assert.equal((await person.browser.post(`/platform/${platformId}/token`)).status, 403)
  await world.deps.database.knex('apps').update({ status: 'published' })
  assert.equal((await person.browser.post(`${path}/test`)).status, 403)
  assert.equal((await person.browser.submit(page.form('/webhook-secret'))).status, 403)
})
