import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from '../support/world.ts'
import { join, rowsOf } from './steps.ts'

test('a form that makes a key acts in the account whose page it was, wherever the person has looked since', async () => {
  await using world = await createWorld({ worker: false })
  const [person, other] = [await world.person(), await world.person({ accountName: 'Quay & Sons' })]
  await join(world, person, other, 'owner')
  const app = await world.app()
  const { id } = await world.install(other, app)

  const form = (await person.browser.get('/keys/new')).form('Create key')
  assert.equal(form.fields['account'], person.accountId)
  assert.equal((await person.browser.get(`/apps/${id}`)).status, 200) // and from here on it is the other account
  const made = await person.browser.submit(form, { name: 'Nightly export', permissions: ['charges:read'] })
  assert.equal(made.status, 201, made.text.slice(0, 500))
  const [key] = await rowsOf(world, 'keys', { kind: 'restricted' })
  assert.equal(key?.['account_id'], person.accountId)
})

test('404: a form that names a stranger’s account makes nothing, there or here', async () => {
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
