import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refreshTokenGrant } from 'openid-client'
import { DAY } from '../../server/base/clock.ts'
import { sweepGrants } from '../../server/oauth/sweep-grants.ts'
import { sweep } from '../../server/sweep.ts'
import { exchangeCode } from '../support/oauth-client.ts'
import { askConsent, rowsOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

test('grants are swept once no token depends on them; the consent of a person stays', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  await world.install(person, app)
  const silently = async () => await askConsent(person, app, { extra: { prompt: 'none' } })
  const first = await silently()
  const { refresh_token } = await exchangeCode(app.client, first.request, first.page.location ?? '')
  for (let times = 0; times < 3; times += 1) await silently() // no code of these is ever exchanged
  const grants = async () => (await rowsOf(world, 'oauth_records', { model: 'Grant' })).length
  const links = async () => (await rowsOf(world, 'oauth_grants')).length
  assert.deepEqual([await grants(), await links()], [5, 5])
  await sweep(world.deps)
  assert.deepEqual([await grants(), await links()], [5, 5], 'a code of today may still be exchanged')
  world.clock.advance(2 * DAY)
  assert.equal((await sweep(world.deps)).oauth_grants, 3)
  assert.deepEqual([await grants(), await links()], [2, 2])
  assert.ok((await refreshTokenGrant(app.client, refresh_token ?? '')).access_token)
  world.clock.advance(370 * DAY)
  await world.deps.database.knex('oauth_records').where('expires_at', '<=', world.clock.now()).delete()
  assert.equal(await sweepGrants(world.deps.database, world.clock.now(), 1), 2)
  assert.deepEqual([await grants(), await links()], [0, 1])
})
