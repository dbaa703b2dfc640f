import assert from 'node:assert/strict'
import { test } from 'node:test'
import { join, rowsOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

test('a form that makes a key acts in the account of its page, even if the person has switched accounts since', async () => {
  await using world = await createWorld({ worker: false })
  const [person, other] = [await world.person(), await world.person({ accountName: 'Quay & Sons' })]
  await join(world, person, other, 'owner')
  const app = await world.app()
  const { id } = await world.install(other, app)

  const form = (await person.browser.get('/keys/new')).form('Create key')
  assert.equal(form.fields['account'], person.accountId)
  assert.equal((await person.browser.get(`/apps/${id}`)).status, 200)
  await person.browser.post('/account', { account: other.accountId }) // switches to the other account
  const made = await person.browser.submit(form, { name: 'Nightly export', permissions: ['charges:read'] })
  assert.equal(made.status, 201, made.text.slice(0, 500))
  const [key] = await rowsOf(world, 'keys', { kind: 'restricted' })
  assert.equal(key?.['account_id'], person.accountId)
})

test('404: a form that names a stranger’s account makes no key in either account', async () => {
  await using world = await createWorld({ worker: false })
  const [person, stranger] = [await world.person(), await world.person()]
  const form = (await person.browser.get('/keys/new')).form('Create key')
  const answer = await person.browser.submit(form, { name: 'Mine', account: stranger.accountId })
  assert.equal(answer.status, 404)
  const registered = await person.browser.post('/platform/apps/new', { account: stranger.accountId, name: 'Mine' })
  assert.equal(registered.status, 404)
  assert.deepEqual(await rowsOf(world, 'keys'), [])
  assert.deepEqual(await rowsOf(world, 'apps'), [])
})

test('a link into another account asks before it switches; a form of its page acts there', async () => {
  await using world = await createWorld({ worker: false })
  const [person, other] = [await world.person(), await world.person({ accountName: 'Quay Coffee' })]
  await join(world, person, other, 'owner')
  const app = await world.app()
  const { id } = await world.install(other, app)
  await world.deliver()
  const key = await world.deps.database.read(tx => tx('keys').where({ installation_id: id }).first('id'))
  const [session] = await rowsOf(world, 'sessions', { user_id: person.userId })
  const looksAt = async () => (await rowsOf(world, 'sessions', { id: session?.['id'] }))[0]?.['account_id']
  for (const path of [`/apps/${id}`, `/apps/${id}/uninstall`, `/keys/${key.id}/expire`, `/keys/${key.id}/rotate`]) {
    for (const site of ['cross-site', 'none', 'same-origin']) {
      const page = await person.browser.get(path, { 'sec-fetch-site': site })
      assert.deepEqual([page.status, page.text.includes('Switch to Quay Coffee?')], [200, true], path)
      assert.ok(!page.text.includes('Shipyard'), 'nothing of the page is shown before')
      assert.equal(await looksAt(), person.accountId, `${path} ${site}`)
    }
  }
  assert.equal((await person.browser.post(`/apps/${id}/suspend`)).status, 303)
  assert.equal(await looksAt(), other.accountId)
  await person.browser.post('/account', { account: person.accountId })
  const asked = (await person.browser.get(`/apps/${id}?keys=none`)).form('Switch account')
  const there = await person.browser.submit(asked)
  assert.equal(there.location, `${world.url}/apps/${id}?keys=none`)
  assert.equal(await looksAt(), other.accountId)
})
