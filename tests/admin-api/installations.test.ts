import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DAY } from '../../server/base/clock.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { type AdminClient, createAdminClient } from './admin-client.ts'

let world: World
let admin: AdminClient
let app: PublishedApp
before(async () => {
  world = await createWorld({ worker: false })
  admin = await createAdminClient(world)
  app = await world.app()
})
after(() => world[Symbol.asyncDispose]())

async function newAccount(externalId: string): Promise<string> {
  const made = await admin.call('POST', '/accounts', { name: externalId, external_id: externalId })
  return made.body['id']
}

const install = (more: object, headers = {}) =>
  admin.call('POST', '/installations', { app_id: app.id, mode: 'live', ...more }, headers)

test('an install delivers a key that works, in the name of the admin key, and a second one changes nothing', async () => {
  const account = await newAccount('one')
  const made = await install({ account: 'external:one', permissions: ['customers:read', 'charges:read'] })
  assert.equal(made.status, 201, made.text)
  const { id, account_id, status, permissions } = made.body
  assert.deepEqual([account_id, status, permissions], [account, 'installing', ['charges:read', 'customers:read']])
  await world.deliver()
  const { key } = await app.receiver.waitFor('managed_key.created')
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  const again = await install({ account })
  assert.deepEqual([again.status, again.body['id'], again.body['status']], [200, id, 'active'])
  assert.deepEqual((await admin.call('GET', `/installations/${id}`)).body, again.body)
  for (const log of [account, app.platform.person.accountId, 'operator']) {
    const found = await world.deps.database.knex('activity').where({ account_id: log, object: id })
    const created = found.filter(({ what }) => what === 'installation.created')
    assert.deepEqual(
      created.map(({ actor_type, actor_id }) => [actor_type, actor_id]),
      [['admin_key', admin.keyId]],
    )
  }
  const owner = await world.person()
  await admin.call('PUT', `/accounts/${account}/members/${owner.userId}`, { role: 'owner' })
})

test('of two programs that install at once one gets 201, the other 200 with the same installation', async () => {
  const account = await newAccount('race')
  const answers = await Promise.all([install({ account }), install({ account })])
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 201])
  assert.equal(new Set(answers.map(({ body }) => body['id'])).size, 1)
})

test('many accounts: each gets its result in the order asked, and a refused one does not stop the others', async () => {
  const ids = [await newAccount('many-1'), await newAccount('many-2')]
  const accounts = ['external:many-2', 'external:nobody', ids[0], 'external:many-2']
  const headers = { 'idempotency-key': 'bulk' }
  const { status, body } = await install({ accounts }, headers)
  assert.equal(status, 200)
  const [second, nobody, first, twice] = body['results']
  assert.deepEqual(
    body['results'].map(({ account }: { account: string }) => account),
    accounts,
  )
  assert.deepEqual([second.installation.account_id, first.installation.account_id], [ids[1], ids[0]])
  assert.deepEqual([nobody.error.code, nobody.installation], ['not_found', undefined])
  assert.equal(twice.installation.id, second.installation.id)
  assert.deepEqual((await install({ accounts }, headers)).body, body)
})

test('1,000 accounts with long external ids fit, 1,001 do not', async () => {
  const long = (count: number) => Array.from({ length: count }, (_, n) => `external:${String(n).padStart(255, 'x')}`)
  const most = await install({ accounts: long(1_000) })
  assert.deepEqual([most.status, most.body['results'].length], [200, 1_000])
  const more = await install({ accounts: long(1_001) })
  assert.deepEqual([more.status, more.body['errors'][0].field], [400, 'accounts'])
})

test('uninstall ends, keeps or dates the keys; reinstalling asks about kept ones', async () => {
  const account = await newAccount('leaving')
  const choices = ['keep', { until: new Date(world.clock.now() + DAY).toISOString() }, 'expire'] as const
  for (const [index, keys] of choices.entries()) {
    const kept = index === 0 ? {} : { kept_keys: 'expire' }
    if (index > 0) assert.equal((await install({ account })).body['code'], 'kept_keys_undecided')
    const { id } = (await install({ account, ...kept })).body
    await world.deliver()
    const refused = await admin.call('POST', `/installations/${id}/uninstall`, {})
    assert.deepEqual([refused.status, refused.body['errors'][0].field], [400, 'keys'])
    const gone = await admin.call('POST', `/installations/${id}/uninstall`, { keys })
    assert.deepEqual([gone.status, gone.body['status']], [200, 'uninstalled'])
    const [key] = await world.deps.database.knex('installations').where({ id })
    assert.equal(key.uninstall_reason, 'operator')
  }
})

test('suspend refuses its keys until resume', async () => {
  const account = await newAccount('halted')
  const { id } = (await install({ account })).body
  await world.deliver()
  const suspended = await admin.call('POST', `/installations/${id}/suspend`)
  assert.deepEqual([suspended.status, suspended.body['suspended_by']], [200, ['operator']])
  const resumed = await admin.call('POST', `/installations/${id}/resume`)
  assert.deepEqual([resumed.status, resumed.body['suspended_by'], resumed.body['status']], [200, [], 'active'])
})

test('lists: all, of one app, of one account, newest first and page by page', async () => {
  const account = await newAccount('listed')
  const live = (await install({ account })).body['id']
  const tested = (await install({ account, mode: 'test' })).body['id']
  const idsOf = async (query: string) =>
    (await admin.call('GET', `/installations?limit=100${query}`)).body['data'].map(({ id }: { id: string }) => id)
  assert.deepEqual(await idsOf('&account=external:listed'), [tested, live])
  assert.deepEqual(await idsOf(`&account=${account}&app=${world.deps.ids.next('app')}`), [])
  const all = await idsOf('')
  assert.deepEqual(await idsOf(`&app=${app.id}`), all)
  const page = await admin.call('GET', '/installations?limit=2')
  const next = await admin.call('GET', `/installations?limit=2&cursor=${page.body['next_cursor']}`)
  assert.deepEqual(
    [...page.body['data'], ...next.body['data']].map(({ id }) => id),
    all.slice(0, 4),
  )
  assert.equal((await admin.call('GET', '/installations?account=external:nobody')).status, 404)
})

test('what is refused, and why', async () => {
  const account = await newAccount('refused')
  const draft = await world.app({ draft: true })
  const cases: [object, number, string][] = [
    [{ app_id: world.deps.ids.next('app'), account }, 404, 'not_found'],
    [{ account: 'external:nobody' }, 404, 'not_found'],
    [{ app_id: draft.id, account }, 404, 'not_found'],
    [{ account, permissions: ['moon:write'] }, 400, 'invalid_request'],
    [{ account, mode: 'both' }, 400, 'invalid_request'],
    [{ account, kept_keys: 'maybe' }, 400, 'invalid_request'],
    [{}, 400, 'invalid_request'],
    [{ account, accounts: [account] }, 400, 'invalid_request'],
    [{ accounts: [] }, 400, 'invalid_request'],
  ]
  for (const [body, status, code] of cases) {
    const answer = await install(body)
    assert.deepEqual([answer.status, answer.body['code']], [status, code], JSON.stringify(body))
  }
})
