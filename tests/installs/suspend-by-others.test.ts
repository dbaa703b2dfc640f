import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import { suspendInstallation } from '../../server/installs/suspend-installation.ts'
import { suspendApp } from '../../server/key-life/change-app.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'

const OPERATOR = { type: 'operator' as const, id: 'command-line', ip: '' }

async function post(world: World, app: PublishedApp, path: string, headers: Record<string, string> = {}) {
  const { access_token } = await oauth.clientCredentialsGrant(app.client)
  const answer = await fetch(world.url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, ...headers },
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

async function operator(world: World, installationId: string, suspended: boolean) {
  const command = { installationId, by: 'operator' as const, suspended, actor: OPERATOR }
  return await world.deps.database.transaction(tx => suspendInstallation(tx, world.deps, command))
}

const logOf = async (world: World, accountId: string) =>
  (await world.deps.database.knex('activity').where({ account_id: accountId }).orderBy('number')).map(
    ({ what, actor_type }) => `${what} by ${actor_type}`,
  )

test('the platform suspends and resumes by its API: both flags count, both logs have it, each change is one event', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  const { key } = await app.receiver.waitFor('managed_key.created')
  const path = `/v1/installations/${installed.id}`
  const suspended = await post(world, app, `${path}/suspend`)
  assert.equal(suspended.status, 200)
  assert.deepEqual([suspended.body['status'], suspended.body['suspended_by']], ['suspended', ['platform']])
  assert.equal((await post(world, app, `${path}/suspend`)).status, 200)
  assert.equal((await world.verify(key ?? ''))['code'], 'suspended')
  assert.equal((await app.receiver.waitFor('installation.suspended')).body.data.reason, 'platform')
  assert.match((await person.browser.get(`/apps/${installed.id}`)).text, /Suspended by Shipyard, Inc\./)

  await person.browser.post(`/apps/${installed.id}/suspend`)
  assert.deepEqual((await post(world, app, `${path}/resume`)).body['suspended_by'], ['account'])
  assert.equal((await world.verify(key ?? ''))['code'], 'suspended')
  await person.browser.post(`/apps/${installed.id}/resume`)
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  await app.receiver.waitFor('installation.resumed')
  const told = app.receiver.events.filter(({ type }) => /suspended|resumed/.test(type))
  assert.deepEqual(
    told.map(({ type }) => type),
    ['installation.suspended', 'installation.resumed'],
  )
  for (const account of [person.accountId, app.platform.person.accountId]) {
    const log = await logOf(world, account)
    assert.equal(log.filter(what => what === 'installation.suspended by platform').length, 1)
    assert.equal(log.filter(what => what === 'installation.resumed by platform').length, 1)
  }
})

test('the platform cannot resume what the operator suspended, even if it suspended first', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  const { key } = await app.receiver.waitFor('managed_key.created')
  const path = `/v1/installations/${installed.id}`
  await post(world, app, `${path}/suspend`)
  assert.deepEqual((await operator(world, installed.id, true)).installation.suspendedBy, ['operator'])
  const refused = await post(world, app, `${path}/resume`)
  assert.deepEqual([refused.status, refused.body['code']], [403, 'suspended_by_operator'])
  await post(world, app, `${path}/suspend`)
  assert.equal((await world.verify(key ?? ''))['code'], 'suspended')
  assert.deepEqual((await operator(world, installed.id, false)).installation.suspendedBy, [])
  assert.equal((await operator(world, installed.id, false)).changed, false)
  assert.equal((await world.verify(key ?? ''))['valid'], true)
})

test('404 for another app’s installation, 409 for an uninstalled one, the same response for the same Idempotency-Key', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const other = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  assert.equal((await post(world, other, `/v1/installations/${id}/suspend`)).status, 404)
  const once = { 'idempotency-key': 'once' }
  const first = await post(world, app, `/v1/installations/${id}/suspend`, once)
  assert.deepEqual(await post(world, app, `/v1/installations/${id}/suspend`, once), first)
  await post(world, app, `/v1/installations/${id}/uninstall`)
  for (const verb of ['suspend', 'resume']) {
    const late = await post(world, app, `/v1/installations/${id}/${verb}`)
    assert.deepEqual([late.status, late.body['code']], [409, 'installation_not_active'])
  }
})

test('keys of an app that the operator suspends are refused as `suspended`, and each account with keys has it in its log', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const [person, keeper] = [await world.person(), await world.person()]
  await world.install(person, app)
  const { key } = await app.receiver.waitFor('managed_key.created')
  const kept = await world.install(keeper, app)
  await app.receiver.waitFor('managed_key.created', 2)
  await keeper.browser.post(`/apps/${kept.id}/uninstall`, { keys: 'keep' })
  for (const [verb, code] of [
    ['suspend', 'suspended'],
    ['resume', undefined],
  ] as const) {
    const command = { id: app.id, verb, actor: OPERATOR }
    await world.deps.database.transaction(tx => suspendApp(tx, world.deps, command))
    assert.equal((await world.verify(key ?? ''))['code'], code)
  }
  for (const account of [person.accountId, keeper.accountId, app.platform.person.accountId]) {
    const log = await logOf(world, account)
    assert.deepEqual(
      log.filter(what => what.startsWith('app.') && what.endsWith('operator') && !what.includes('published')),
      ['app.suspended by operator', 'app.resumed by operator'],
    )
  }
})
