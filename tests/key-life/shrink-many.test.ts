import assert from 'node:assert/strict'
import { test } from 'node:test'
import { afterWithdrawals } from '../../apps-registry/withdrawals.ts'
import { runBatchJobs, workOff } from '../../server/key-life/run-batch-jobs.ts'
import { basic, introspect, post, refresh } from '../oauth/flow.ts'
import { changeRegistration } from '../support/change-registration.ts'
import { activityOf, keysAt, type Row, rowsOf, textOf, uninstall } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'
import { fillInstallations } from './fill-installations.ts'

const purpose = 'To work.'
const LEFT = ['charges:read', 'customers:read']
const ALL = [...LEFT, 'charges:write']
const asks = (names: readonly string[]) => names.map(name => ({ name, purpose }))
const OTHERS = 30

/** An app in more accounts than shrink in one transaction, which has just lost `charges:write`; no row of them says so. */
async function shrinking() {
  const world = await createWorld({ worker: false })
  const managed_keys = [
    { name: 'reader', permissions: ALL },
    { name: 'writer', permissions: ['charges:write'] },
  ]
  const app = await world.app({ metadata: { managed_keys } })
  const person = await world.person()
  const { id, tokens } = await world.install(person, app)
  await world.deliver()
  await fillInstallations(world, id, OTHERS)
  const [reader = '', writer = ''] = keysAt(app)
  const write = { permission: 'charges:write' }
  assert.equal((await world.verify(reader, write))['valid'], true, 'it is in memory')
  assert.equal((await world.verify(writer, write))['valid'], true)
  await changeRegistration(app, { permissions: asks(LEFT), managed_keys: [{ name: 'reader' }] })
  return {
    world,
    app,
    person,
    id,
    tokens,
    codes: async () => [(await world.verify(reader, write))['code'], (await world.verify(writer))['code']],
    told: async (of: string) => (await rowsOf(world, 'events', { installation_id: of })).map(event => event['type']),
    stored: async () => {
      const rows = await rowsOf(world, 'installations', { app_id: app.registered.client_id })
      return rows.map(row => (JSON.parse(String(row['permissions'])) as string[]).length)
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

const REFUSED = ['insufficient_permissions', 'expired']

test('an app with many installations: a permission removed from the manifest is refused from the response on', async () => {
  await using setting = await shrinking()
  const { world, app, person, id, tokens } = setting
  assert.deepEqual(await setting.stored(), Array(OTHERS + 1).fill(3))
  assert.deepEqual(await setting.codes(), REFUSED)
  const { scope } = await introspect(world, app, tokens.access_token)
  assert.ok(String(scope).includes('charges:read') && !String(scope).includes('charges:write'), String(scope))
  const refreshed = await post(`${world.url}/oauth/token`, refresh(tokens.refresh_token), basic(app))
  assert.ok(!String(refreshed.body['scope']).includes('charges:write'), String(refreshed.body['scope']))
  const answer = await fetch(`${world.url}/v1/installations/${id}`, {
    headers: { authorization: `Bearer ${refreshed.body['access_token']}` },
  })
  assert.deepEqual(((await answer.json()) as Row)['permissions'], LEFT)
  assert.ok(textOf(await person.browser.get('/keys')).includes('Expired'))

  await changeRegistration(app, { permissions: asks(ALL), managed_keys: [{ name: 'reader' }] })
  assert.deepEqual(await setting.codes(), REFUSED, 'a later version restores nothing')

  const [{ withdrawals }] = (await rowsOf(world, 'apps')) as [{ withdrawals: string }]
  const [{ at: taken }] = JSON.parse(withdrawals) as [{ at: number }]
  world.clock.advance(60_000)
  const [job] = await rowsOf(world, 'batch_jobs', { kind: 'shrink_app' })
  await workOff(world.deps, String(job?.['id']), 1)
  assert.equal((await setting.stored()).filter(count => count === 2).length, 25, 'a process that dies after one batch')
  assert.deepEqual(await setting.codes(), REFUSED)
  await Promise.all([runBatchJobs(world.deps), runBatchJobs(world.deps)])
  await runBatchJobs(world.deps)
  assert.deepEqual(await rowsOf(world, 'batch_jobs'), [])
  assert.equal((await rowsOf(world, 'apps'))[0]?.['withdrawals'], null)
  assert.deepEqual(await setting.stored(), Array(OTHERS + 1).fill(2))
  assert.deepEqual(await setting.codes(), REFUSED)
  assert.equal((await rowsOf(world, 'events', { type: 'installation.updated' })).length, OTHERS + 1, 'each once')
  const [ended] = await rowsOf(world, 'keys', { status: 'expired' })
  assert.equal(ended?.['expired_at'], taken, 'the time of the change, not of the write')
  assert.deepEqual((await activityOf(world, person.accountId)).slice(-2), ['installation.updated', 'key.expired'])
})

test('uninstalled before its rows were narrowed: kept keys work with the remaining permissions', async () => {
  await using setting = await shrinking()
  const { world, person, id } = setting
  await uninstall(person, id, { keys: 'keep' })
  assert.deepEqual(await setting.codes(), REFUSED)
  const types = (await setting.told(id)).slice(-3)
  assert.deepEqual(types.toSorted(), ['installation.uninstalled', 'installation.updated', 'managed_key.expired'])
  await runBatchJobs(world.deps)
  assert.deepEqual(await setting.codes(), REFUSED)
})

test('the permissions left by withdrawals, by the granted version', () => {
  const withdrawals = JSON.stringify([
    { version: 2, permissions: ['a'], at: 20 },
    { version: 4, permissions: ['b'], at: 40 },
  ])
  const left = (version: number | null, names: string[]) =>
    afterWithdrawals(names, { withdrawals, consented_version: version })
  assert.deepEqual(left(1, ['a', 'b', 'c']), { permissions: ['c'] })
  assert.deepEqual(left(2, ['a', 'b', 'c']), { permissions: ['a', 'c'] })
  assert.deepEqual(left(4, ['a', 'b']), { permissions: ['a', 'b'] })
  assert.deepEqual(left(1, ['a']), { permissions: [], emptiedAt: 20 })
  assert.deepEqual(left(1, ['a', 'b']), { permissions: [], emptiedAt: 40 })
  assert.deepEqual(left(null, ['a']), { permissions: ['a'] }, 'a kept key, or one without an app')
  assert.deepEqual(left(1, []), { permissions: [] })
})
