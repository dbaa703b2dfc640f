import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runBatchJobs } from '../../server/key-life/run-batch-jobs.ts'
import { askConsent, keysAt, press, rowsOf, textOf, uninstall } from '../support/steps.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'
import { type Filled, fillKeys } from './many-keys.ts'

const DAY = 86_400_000
const COUNT = 240

/** An installation with `COUNT` additional keys, every third of them never delivered. */
async function crowded() {
  const world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  const keys = await fillKeys(world, id, COUNT, index => (index % 3 === 0 ? { delivered_at: null } : {}))
  const [undelivered, ...delivered] = [keys.at(-3), keys.at(-2), keys.at(-1), keys.at(4)] as Filled[]
  return {
    world,
    app,
    person,
    id,
    keys,
    undelivered,
    delivered,
    first: keysAt(app)[0] ?? '',
    settled: async () => (await rowsOf(world, 'installations', { id }))[0]?.['settle_keys'] === null,
    codesOf: (some: readonly (Filled | undefined)[]) =>
      Promise.all(some.map(async key => (await world.verify(key?.key ?? ''))['code'])),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}

/** A token of the app itself, which outlives its installations. */
async function appToken(world: World, { registered }: PublishedApp): Promise<string> {
  const credentials = `${registered.client_id}:${registered.client_secret}`
  const answer = await fetch(`${world.url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  return ((await answer.json()) as { access_token: string }).access_token
}

/** Runs every batch that is left. */
async function finish(world: World): Promise<void> {
  assert.equal(await runBatchJobs(world.deps), undefined)
  assert.deepEqual(await rowsOf(world, 'batch_jobs'), [])
}

test('uninstall with "expire": every key is refused from the response on, although most rows are written later', async () => {
  await using setting = await crowded()
  const { world, app, person, id, keys, undelivered, delivered } = setting
  assert.deepEqual(await setting.codesOf(delivered), [undefined, undefined, undefined], 'they are in memory')
  const done = await person.browser.follow(await uninstall(person, id, { keys: 'expire' }))
  assert.equal(await setting.settled(), false)
  const early = [keys.at(0), undelivered, ...delivered]
  assert.deepEqual(await setting.codesOf(early), Array(5).fill('expired'))
  assert.ok(textOf(done).includes('is refused now') && !textOf(done).includes('still works'))
  assert.ok(textOf(await person.browser.get('/keys?status=active')).includes('No keys of this kind'))
  assert.ok(!(await person.browser.get('/apps')).text.includes('kept'))
  const late = await person.browser.post(`/keys/${delivered[0]?.id}/expire`)
  assert.equal(late.status, 303, 'it has expired already')
  await world.deliver()
  const told = await app.receiver.waitFor('installation.uninstalled')
  assert.ok(!app.receiver.events.some(({ type }) => type === 'managed_key.expired'))

  const { keys: named = [], ...more } = told.body.data as { keys?: { id: string }[] } & Record<string, unknown>
  assert.equal(named.length, 100)
  assert.equal(more['keys_total'], COUNT + 1)
  const token = await appToken(world, app)
  const listed = named.map(key => key.id)
  for (let url: string | null = String(more['keys_url']); url; ) {
    const answer: Response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
    const page = (await answer.json()) as { data: { id: string; status: string }[]; next_cursor: string | null }
    assert.deepEqual([answer.status, [...new Set(page.data.map(({ status }) => status))]], [200, ['expired']])
    listed.push(...page.data.map(key => key.id))
    const { origin, pathname }: URL = new URL(url)
    url = page.next_cursor && `${origin}${pathname}?limit=100&cursor=${page.next_cursor}`
  }
  const all = (await rowsOf(world, 'keys')).map(row => String(row['id']))
  assert.deepEqual(listed, all.toSorted().toReversed(), 'each key once')

  await finish(world)
  assert.ok(await setting.settled())
  const [installation] = await rowsOf(world, 'installations', { id })
  for (const row of await rowsOf(world, 'keys'))
    assert.deepEqual(
      [row['status'], row['expired_at'], row['expired_because']],
      ['expired', installation?.['uninstalled_at'], 'uninstalled'],
    )
  assert.deepEqual(await setting.codesOf(early), Array(5).fill('expired'))
})

test('uninstall with "keep": delivered keys work and count as kept, whether their rows say so yet or not', async () => {
  await using setting = await crowded()
  const { world, app, person, id, undelivered, delivered } = setting
  const kept = COUNT - COUNT / 3 + 1
  await uninstall(person, id, { keys: 'keep' })
  const look = async () => {
    assert.deepEqual(await setting.codesOf([undelivered, ...delivered]), ['expired', undefined, undefined, undefined])
    const [apps, keys] = [await person.browser.get('/apps'), await person.browser.get('/keys?status=kept')]
    assert.ok(textOf(apps).includes(`${kept} keys kept`), textOf(apps))
    assert.equal((keys.text.match(/Kept after uninstall/g) ?? []).length, 20)
    assert.ok(!keys.text.includes('Expired') || !textOf(keys).includes('Never delivered'))
    const { page } = await askConsent(person, app)
    assert.ok(textOf(page).includes(`through ${kept} keys`) && textOf(page).includes(`and ${kept - 20} more`))
    return page
  }
  const before = await look()
  assert.equal(await setting.settled(), false)
  await person.browser.post(`/keys/${delivered[0]?.id}/expire`)
  assert.deepEqual(await setting.codesOf(delivered), ['expired', undefined, undefined])
  await meanwhile(world, delivered[0]?.id)
  assert.equal((await press(person, before, 'install', { kept: 'expire' })).status, 303)
  assert.deepEqual(await setting.codesOf(delivered.slice(1)), [undefined, undefined], 'until the new keys have arrived')
  await world.deliver()
  assert.deepEqual(await setting.codesOf(delivered.slice(1)), ['expired', 'expired'])
  await finish(world)
  const reasons = Map.groupBy(await rowsOf(world, 'keys', { installation_id: id }), row => row['expired_because'])
  assert.deepEqual(
    ['by_account', 'undelivered', 'replaced'].map(reason => reasons.get(reason)?.length),
    [1, COUNT / 3, kept - 1],
  )
  for (let sent = 1; sent > 0; ) sent = await world.deliver()
  const told = app.receiver.events.filter(({ type }) => type === 'managed_key.expired')
  assert.equal(new Set(told.map(({ body }) => (body.data as { key: { id: string } }).key.id)).size, kept)
  assert.equal(told.length, kept, 'each once')
})

/** The account expires a kept key itself in the meantime: that end stays. */
async function meanwhile(world: World, keyId: string | undefined): Promise<void> {
  const [row] = await rowsOf(world, 'keys', { id: String(keyId) })
  assert.deepEqual([row?.['status'], row?.['expired_because']], ['expired', 'by_account'])
}

test('uninstall with "until": every key ends with that day, or earlier if it had an end of its own', async () => {
  await using setting = await crowded()
  const { world, person, id, delivered } = setting
  const early = world.clock.now() + DAY
  const own = delivered.at(-1)?.id
  await world.deps.database.knex('keys').where({ id: own }).update({ status: 'expiring', expires_at: early })
  const until = new Date(world.clock.now() + 9 * DAY).toISOString().slice(0, 10)
  const end = Date.parse(`${until}T00:00:00Z`) + DAY
  await uninstall(person, id, { keys: 'until', until })
  const ends = async () =>
    Promise.all(delivered.map(async key => Date.parse(String((await world.verify(key.key))['expires_at']))))
  assert.deepEqual(await ends(), [end, end, early])
  await finish(world)
  assert.deepEqual(await ends(), [end, end, early])
  const kept = await rowsOf(world, 'keys', { status: 'expiring' })
  assert.deepEqual([...new Set(kept.map(row => row['expires_at']))].toSorted(), [early, end])
})

test('every list of many keys has pages, with each key once', async () => {
  await using setting = await crowded()
  const { world, app, person, id } = setting
  const all = (await rowsOf(world, 'keys')).map(row => String(row['id'])).toSorted()
  const seen: string[] = []
  let pages = 0
  for (let path: string | undefined = `/apps/${id}`; path; pages += 1) {
    const page = await person.browser.get(path)
    assert.ok(page.text.length < 150_000, `${page.text.length} bytes`)
    seen.push(...[...page.text.matchAll(/\/keys\/(key_[0-9a-z]{26})\/expire/g)].map(([, key]) => String(key)))
    path = /href="([^"]*[?]keys=[^"#]*)[^"]*">Older keys/.exec(page.text)?.[1]
  }
  assert.equal(pages, Math.ceil(all.length / 20))
  assert.deepEqual(seen.toSorted(), all)
  const question = textOf(await person.browser.get(`/apps/${id}/uninstall`))
  assert.ok(question.includes(`It holds ${COUNT + 1} keys.`) && question.includes(`All ${COUNT + 1} keys are refused`))
  assert.ok(question.includes(`${COUNT + 1 - 20} more keys were used less recently`))
  const token = await appToken(world, app)
  const answer = await fetch(`${world.url}/v1/installations/${id}/keys?limit=1`, {
    headers: { authorization: `Bearer ${token}` },
  })
  assert.equal(((await answer.json()) as { data: unknown[] }).data.length, 1)
})
