import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keysAt, rowsOf, textOf, uninstall } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'
import { worldWithKey } from '../support/world-with-key.ts'

const MINUTE = 60_000
const DAY = 86_400_000

async function installed() {
  const setting = await worldWithKey()
  const { world, person, id } = setting
  return {
    ...setting,
    question: () => person.browser.get(`/apps/${id}/uninstall`),
    later: async (ms: number) => {
      world.clock.advance(ms)
      await world.deps.database.knex('sessions').update({ expires_at: world.clock.now() + DAY })
    },
  }
}

test('one plain sentence says what expiring a key now would break', async () => {
  await using setting = await installed()
  const { world, key, later } = setting
  assert.ok(textOf(await setting.question()).includes('Never used.'))
  await world.verify(key, { ip: '203.0.113.7' })
  await later(3 * MINUTE)
  const used = textOf(await setting.question())
  assert.ok(used.includes('Used 3 minutes ago: expiring it now will stop what uses it.'))
  assert.ok(used.includes('It is in use: calls from 1 address will fail, 1 in the last 24 hours.'))
  await later(9 * DAY)
  const idle = textOf(await setting.question())
  assert.ok(idle.includes('Used 9 days ago: nothing has used it in the last 7 days.'))
  assert.ok(idle.includes('It was not used in the last 24 hours.'))
})

test('the latest addresses are listed, with the number of further ones', async () => {
  await using setting = await installed()
  const { world, key } = setting
  for (let last = 1; last <= 30; last += 1) {
    await world.verify(key, { ip: `203.0.113.${last}` })
    world.clock.advance(1)
    if (last % 10 === 0) await world.deps.usage.flush()
  }
  const page = await setting.question()
  assert.match(textOf(page), /203\.0\.113\.30, 203\.0\.113\.29, 203\.0\.113\.28 and 27 more/)
  assert.ok(page.text.includes('<code>203.0.113.27</code>') && textOf(page).includes('and 10 others'))
  assert.ok(textOf(page).includes('calls from 30 addresses will fail, 30 in the last 24 hours'))
})

test('a use between the page and the choice does not change the choice, and the kept key’s pages show it', async () => {
  await using setting = await installed()
  const { world, person, key, keyId } = setting
  const page = await setting.question()
  assert.ok(textOf(page).includes('Never used.'))
  await world.verify(key, { ip: '203.0.113.7' })
  const answer = await person.browser.submit(page.form('/uninstall'), { keys: 'keep' })
  assert.equal(answer.status, 303)
  assert.ok(textOf(await person.browser.get('/keys')).includes('Just now'))
  assert.ok(textOf(await person.browser.get('/apps')).includes('1 key kept, last used just now'))
  assert.ok(textOf(await person.browser.get(`/keys/${keyId}/expire`)).includes('203.0.113.7'))
})

test('uses during the uninstall: every accepted call is counted, and none is accepted afterwards', async () => {
  await using setting = await installed()
  const { world, person, id, key } = setting
  const calls = Array.from({ length: 20 }, () => world.verify(key, { ip: '203.0.113.7' }))
  const [answer, ...verdicts] = await Promise.all([uninstall(person, id, { keys: 'expire' }), ...calls])
  assert.equal(answer.status, 303)
  assert.equal((await world.verify(key))['code'], 'expired')
  await world.deps.usage.flush()
  const counted = (await rowsOf(world, 'key_usage_hours')).reduce((sum, row) => sum + Number(row['calls']), 0)
  assert.equal(counted, verdicts.filter(verdict => verdict['valid'] === true).length)
})

test('during a rotation both keys are listed, the old one marked, and its overlap ends before the chosen day', async () => {
  await using setting = await installed()
  const { world, app, person, id, keyId } = setting
  await person.browser.post(`/keys/${keyId}/rotate`, { overlap: '86400' })
  await world.deliver()
  assert.equal(keysAt(app).length, 2)
  const question = textOf(await setting.question())
  assert.ok(question.includes('default, being replaced') && question.includes('It holds 2 keys.'))
  assert.ok(question.includes('Ends by itself on'))
  const until = new Date(world.clock.now() + 30 * DAY).toISOString().slice(0, 10)
  const done = textOf(await person.browser.follow(await uninstall(person, id, { keys: 'until', until })))
  assert.ok(done.includes('ends earlier, with its rotation') && done.includes('Kept until'))
  world.clock.advance(2 * DAY)
  assert.equal((await world.verify(keysAt(app)[0] ?? ''))['code'], 'expired')
  assert.equal((await world.verify(keysAt(app)[1] ?? ''))['valid'], true)
})

test('a key that was never delivered is shown as such and expires in any case, even if it was used', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  app.receiver.behave('ok', { status: 500 }) // the receiver has the key in spite of the 500
  const { id } = await world.install(person, app)
  await world.deliver()
  const key = app.receiver.attempts.at(-1)?.event?.key ?? ''
  const question = async () => textOf(await person.browser.get(`/apps/${id}/uninstall`))
  assert.ok((await question()).includes('Never delivered, never used.'))
  assert.ok((await question()).includes('Expires in any case'))
  assert.ok((await question()).includes('No key was delivered, so there is none to keep.'))
  await world.verify(key, { ip: '203.0.113.7' })
  assert.ok((await question()).includes('Used just now, although its delivery was never confirmed.'))
  const done = textOf(await person.browser.follow(await uninstall(person, id, { keys: 'keep' })))
  assert.ok(done.includes('was never delivered'))
  assert.equal((await world.verify(key))['code'], 'expired')
})
