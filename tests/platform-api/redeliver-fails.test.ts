import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import { createWorld } from '../support/world.ts'

for (const [what, refusal] of [
  ['never answered', { status: 500 }],
  ['answered with 410', { status: 410 }],
] as const) {
  test(`a key that has arrived keeps working when its redelivery is ${what}`, async () => {
    await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1' } })
    const app = await world.app()
    const { id } = await world.install(await world.person(), app)
    await world.deliver()
    const { key } = await app.receiver.waitFor('managed_key.created')
    const { access_token: token } = await oauth.clientCredentialsGrant(app.client)
    const headers = { authorization: `Bearer ${token}` }
    const list = await (await fetch(`${world.url}/v1/deliveries`, { headers })).json()
    const { data } = list as { data: { id: string; type: string }[] }
    const delivery = data.find(({ type }) => type === 'managed_key.created')
    const asked = await fetch(`${world.url}/v1/deliveries/${delivery?.id}/redeliver`, { method: 'POST', headers })
    assert.equal(asked.status, 200)
    app.receiver.behave(refusal, refusal)
    await world.deliver()
    world.clock.advance(2_000)
    await world.deliver()
    const row = await world.deps.database.knex('deliveries').where({ id: delivery?.id }).first('status')
    assert.equal(row.status, 'failed')
    assert.equal((await world.verify(key ?? ''))['valid'], true)
    const installation = await world.deps.database.knex('installations').where({ id }).first('status')
    assert.equal(installation.status, 'active')
  })
}
