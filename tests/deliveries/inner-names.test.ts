import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientCredentialsGrant } from 'openid-client'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { changeAddress } from './change-address.ts'

const INSIDE = 'billing.corp.example'
const UNKNOWN = 'nobody.corp.example'

type Seen = { attempt: Record<string, unknown>; delay: number; portal: string }

/** What a publisher sees of a test delivery to `host`, without its id, time and host. */
async function tryHost(world: World, app: PublishedApp, host: string): Promise<Seen> {
  await changeAddress(world, app, `https://${host}/callback`)
  const { browser } = app.platform.person
  const [before, sent] = [world.clock.now(), await browser.post(`/platform/apps/${app.id}/test`, {})]
  await world.deliver()
  const note = (await browser.get(sent.location ?? '')).text
  const { access_token } = await clientCredentialsGrant(app.client)
  const answer = await fetch(`${world.url}/v1/deliveries?limit=1`, {
    headers: { authorization: `Bearer ${access_token}` },
  })
  const { data } = (await answer.json()) as { data: { id: string; attempts: Record<string, unknown>[] }[] }
  const [delivery] = data
  const page = (await browser.get(`/platform/apps/${app.id}/deliveries/${delivery?.id}`)).text
  const [{ at, ...attempt } = {}] = delivery?.attempts ?? []
  const told = `${note}${page}`.match(/[^<>]*(?:private|network|No answer)[^<>]*/g) ?? []
  const portal = [...new Set(told)].join('|') // the app's page lists earlier tests too, so repeats are dropped
  return { attempt, delay: Date.parse(String(at)) - before, portal: portal.replaceAll(host, 'HOST') }
}

test('a publisher cannot tell an internal name from an unknown one; the operator’s log can', async () => {
  await using world = await createWorld({
    worker: false,
    lookup: async name => {
      world.clock.advance(name === INSIDE ? 0 : 8_000)
      if (name === INSIDE) return [{ address: '10.0.0.5', family: 4 }]
      throw Object.assign(new Error('not found'), { code: 'ENOTFOUND' })
    },
  })
  const app = await world.app()
  const [inside, unknown] = [await tryHost(world, app, INSIDE), await tryHost(world, app, UNKNOWN)]
  assert.deepEqual(inside.attempt, { status: null, ms: 0, error: 'dns' })
  assert.deepEqual(unknown.attempt, inside.attempt)
  assert.match(inside.portal, /No answer.*resolves to a private one/s)
  assert.equal(unknown.portal, inside.portal)
  assert.ok(unknown.delay < 5_000, `the duration reveals the lookup: ${unknown.delay} ms`)
  const logged = world.logs.map(line => JSON.parse(line)).filter(({ message }) => /was not sent/.test(message))
  assert.deepEqual(
    logged.map(({ app: id, host, fault }) => [id, host, fault]),
    [
      [app.id, INSIDE, 'address_refused'],
      [app.id, UNKNOWN, 'dns'],
    ],
  )
})
