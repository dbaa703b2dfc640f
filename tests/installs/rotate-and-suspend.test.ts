import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createWorld } from '../support/world.ts'
import { meddle } from './steps.ts'

const HOUR = 3_600_000

test('rotate, with 24 hours preselected: the old key works until then, to the millisecond', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  await world.install(person, app)
  await world.deliver()
  const old = await app.receiver.waitFor('managed_key.created')
  const page = await person.browser.get(`/keys/${old.body.data.key?.id}/rotate`)
  assert.equal(page.form('Rotate key').fields['overlap'], '86400')
  const answer = await person.browser.follow(await person.browser.submit(page.form('Rotate key'), { reason: 'yearly' }))
  assert.match(answer.text, /is being rotated/)
  assert.match(answer.text, /Being replaced/)
  world.clock.advance(48 * HOUR) // the new key has not arrived: nothing ends
  assert.equal((await world.verify(old.key ?? ''))['valid'], true)
  await world.deliver()
  const rotated = await app.receiver.waitFor('managed_key.rotated')
  assert.equal(rotated.body.data.reason, 'yearly')
  assert.equal((await world.verify(rotated.key ?? ''))['valid'], true)
  const verdict = await world.verify(old.key ?? '')
  assert.equal(verdict['valid'], true)
  world.clock.advance(Date.parse(String(verdict['expires_at'])) - world.clock.now() - 200)
  assert.equal((await world.verify(old.key ?? ''))['valid'], true)
  world.clock.advance(200)
  assert.equal((await world.verify(old.key ?? ''))['code'], 'expired')
})

test('a rotation whose new key is never taken is stuck: the old key goes on, and the page says so', async () => {
  await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1' } })
  const app = await world.app()
  const person = await world.person()
  await world.install(person, app)
  await world.deliver()
  const old = await app.receiver.waitFor('managed_key.created')
  app.receiver.behave({ status: 500 }, { status: 500 })
  const path = `/keys/${old.body.data.key?.id}/rotate`
  await person.browser.submit((await person.browser.get(path)).form('Rotate key'))
  await world.deliver()
  world.clock.advance(2_000)
  await world.deliver()
  world.clock.advance(10 * 24 * HOUR)
  assert.equal((await world.verify(old.key ?? ''))['valid'], true)
  assert.match((await person.browser.get('/keys')).text, /Rotation stuck/)
  assert.match((await person.browser.get('/activity')).text, /key\.not_delivered/)
  await person.browser.submit((await person.browser.get(path)).form('Rotate key')) // and it can be tried again
  await world.deliver()
  assert.equal((await app.receiver.waitFor('managed_key.rotated')).verified, true)
})

test('suspend and resume: keys answer `suspended`, the platform is told both times, the other flag stays', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  const { key } = await app.receiver.waitFor('managed_key.created')
  await person.browser.post(`/apps/${installed.id}/suspend`)
  assert.equal((await world.verify(key ?? ''))['code'], 'suspended')
  await app.receiver.waitFor('installation.suspended')
  const flag = (at: number | null) =>
    meddle(world, tx => tx('installations').where({ id: installed.id }).update({ suspended_by_operator_at: at }))
  await flag(world.clock.now())
  await person.browser.post(`/apps/${installed.id}/resume`)
  assert.equal((await world.verify(key ?? ''))['code'], 'suspended')
  await flag(null)
  await person.browser.post(`/apps/${installed.id}/suspend`)
  await person.browser.post(`/apps/${installed.id}/suspend`)
  await person.browser.post(`/apps/${installed.id}/resume`)
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  await app.receiver.waitFor('installation.resumed')
  const stranger = await world.person()
  assert.equal((await stranger.browser.post(`/apps/${installed.id}/suspend`)).status, 404)
})

test('410 fails the delivery at once and holds the app’s others until one is sent again', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  app.receiver.behave({ status: 410 })
  await world.deliver()
  assert.equal(app.receiver.attempts.length, 1)
  world.clock.advance(48 * HOUR)
  await world.deliver()
  assert.equal(app.receiver.attempts.length, 1)
  await person.browser.post(`/apps/${installed.id}/send-now`)
  await world.deliver()
  assert.equal((await app.receiver.waitFor('managed_key.created')).verified, true)
})
