import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { csvCell } from '../../server/account-portal/activity-csv.ts'
import { readActivityFilter } from '../../server/account-portal/activity-filter.ts'
import { loadActivityNames } from '../../server/account-portal/activity-names.ts'
import { makeCheckpoints } from '../../server/audit/checkpoints.ts'
import { listActivity } from '../../server/audit/list-activity.ts'
import { type Act, recordActivity } from '../../server/audit/record-activity.ts'
import { DAY, isoTime } from '../../server/base/clock.ts'
import { activityOf, join, textOf } from '../support/steps.ts'
import { createWorld, type Installed, type Person, type PublishedApp, type World } from '../support/world.ts'

const day = (at: number) => isoTime(at).slice(0, 10)
/** How often each kind of entry is on a page. */
const kindsOn = (text: string) => [...text.matchAll(/<code>([a-z_]+\.[a-z_]+)<\/code>/g)].map(([, what]) => what)

describe('activity: what happened in an account and to an app of a publisher', () => {
  let world: World
  let app: PublishedApp
  let mara: Person
  let jonas: Person
  let installed: Installed
  let keyId = ''

  before(async () => {
    world = await createWorld({ worker: false })
    app = await world.app()
    mara = await world.person({ email: 'mara@harbor.example', accountName: 'Harbor Books' })
    jonas = await world.person({ email: 'jonas@weber.example' })
    await join(world, jonas, mara, 'admin')
    installed = await world.install(mara, app)
    await world.deliver()
    const [key] = await world.deps.database.knex('keys').where({ installation_id: installed.id })
    keyId = String(key.id)
    world.clock.advance(2 * DAY)
    const page = await mara.browser.get(`/keys/${keyId}/expire`)
    await mara.browser.submit(page.form('Expire key'))
  })
  after(() => world[Symbol.asyncDispose]())

  const look = async (query = '', who = mara) => await who.browser.get(`/activity${query}`)
  const shown = async (query: string) => kindsOn((await look(query)).text)

  test('an entry is a sentence with links to what it names', async () => {
    const page = await look()
    const text = textOf(page)
    assert.ok(text.includes('mara@harbor.example expired the key default of Shipyard Hosting'), text)
    assert.ok(text.includes('mara@harbor.example installed Shipyard Hosting in live mode'))
    assert.ok(text.includes('mara@harbor.example created the account'))
    assert.match(page.text, new RegExp(`<a href="/apps/${installed.id}">default</a>`))
    assert.match(page.text, new RegExp(`<a href="/apps/${installed.id}">Shipyard Hosting</a>`))
    assert.equal((await mara.browser.get(`/apps/${installed.id}`)).status, 200)
  })

  test('each filter, several together, and links that add one', async () => {
    const all = await shown('')
    assert.ok(all.includes('key.expired') && all.includes('installation.created') && all.includes('account.created'))
    assert.deepEqual(await shown('?what=keys'), ['key.expired'])
    assert.deepEqual(await shown('?what=account.created'), ['account.created'])
    assert.deepEqual(await shown(`?object=${keyId}`), ['key.expired'])
    const ofApp = await shown(`?app=${app.id}`)
    assert.deepEqual(new Set(ofApp), new Set(['key.expired', 'installation.active', 'installation.created']))
    assert.deepEqual(await shown(`?object=${app.id}`), ofApp)
    assert.deepEqual(
      await shown(`?who=${mara.userId}`),
      all.filter(what => what !== 'installation.active'),
    )
    assert.deepEqual(await shown('?who=latchkey'), ['installation.active'])
    const now = world.clock.now()
    assert.deepEqual(await shown(`?from=${day(now)}`), ['key.expired'])
    assert.deepEqual(await shown(`?to=${day(now - DAY)}`), all.slice(1))
    assert.deepEqual(await shown(`?from=${day(now)}&to=${day(now)}&what=keys&who=${mara.userId}&app=${app.id}`), [
      'key.expired',
    ])
    assert.deepEqual(await shown(`?object=${keyId}&what=apps`), [])
    assert.deepEqual(await shown(`?app=${app.id}&who=latchkey&what=apps`), ['installation.active'])
    const { text } = await look(`?who=${mara.userId}`)
    assert.ok(text.includes(`href="/activity?who=${mara.userId}&amp;what=key.expired"`))
    assert.ok(text.includes(`href="/activity?object=${keyId}"`))
  })

  test('the filter is a form that repeats what was asked, and offers members, publishers and apps', async () => {
    const page = await look(`?who=${jonas.userId}&from=2030-01-01`)
    const form = page.form('/activity')
    assert.equal(form.method, 'GET')
    assert.deepEqual(form.fields, { who: jonas.userId, what: '', app: '', from: '2030-01-01', to: '', object: '' })
    assert.ok(textOf(page).includes('No entries match'))
    for (const choice of ['mara@harbor.example', 'jonas@weber.example', 'Shipyard Hosting'])
      assert.ok(page.text.includes(`>${choice}</option>`), choice)
  })

  test('wrong input: each fault is named at its field, what was typed stays, and nothing is listed', async () => {
    for (const [query, message] of [
      ['?object=key', 'Enter an ID'],
      ['?from=2030-02-30', 'Enter the first day'],
      ['?to=yesterday', 'Enter the last day'],
      ['?from=2030-02-02&to=2030-02-01', 'The last day is before the first'],
      ['?app=x', 'Choose an app'],
      ['?what=%27', 'Choose what happened'],
      ['?who=<b>&who=x', 'Choose who acted'],
    ] as const) {
      const page = await look(query)
      assert.equal(page.status, 400, query)
      assert.match(textOf(page), new RegExp(`1 thing needs a change.*${message}`), query)
      assert.deepEqual(kindsOn(page.text), [], query)
      assert.ok(!page.text.includes('No entries match'), query)
    }
    assert.match((await look('?object=%22key%22')).text, /value="&#34;key&#34;"/)
    for (const nonsense of ['?before=x', '?before=999999999', '?before[]=1', `?object=ins_${'0'.repeat(26)}`])
      assert.equal((await look(nonsense)).status, 200, nonsense)
  })

  test('an app of the publisher has its own page: names of accounts, nobody’s e-mail or address', async () => {
    const { browser } = app.platform.person
    const path = `/platform/apps/${app.id}/activity`
    assert.ok((await browser.get(`/platform/apps/${app.id}`)).text.includes(`href="${path}"`))
    const page = await browser.get(path)
    const text = textOf(page)
    assert.ok(text.includes('Harbor Books expired the key default of Shipyard Hosting'), text)
    assert.ok(text.includes('Shipyard Hosting in Harbor Books acknowledged its keys'))
    assert.ok(!page.text.includes('mara@harbor.example') && !page.text.includes(mara.userId))
    assert.ok(!text.includes('created the account'), 'only entries of the app')
    assert.deepEqual(kindsOn((await browser.get(`${path}?what=keys`)).text), ['key.expired'])
    assert.ok(page.text.includes(`<a href="/platform/apps/${app.id}">Shipyard Hosting</a>`))
    const exported = await browser.submit(page.form('/export'), { format: 'ndjson' })
    const lines = exported.text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.equal(lines[0].sentence, `${app.platform.person.email} exported activity of Shipyard Hosting as NDJSON`)
    assert.ok(!exported.text.includes('mara@harbor.example') && !exported.text.includes(mara.userId))
    assert.ok(lines.some(({ actor }) => actor.id === null && actor.name === 'Harbor Books'))
    for (const [method, at] of [
      ['get', path],
      ['post', `${path}/export`],
    ] as const)
      assert.equal((await mara.browser[method](at)).status, 404, `${method} ${at}`)
  })

  test('exports: CSV and NDJSON of what the filter shows, as a file, and logged', async () => {
    const page = await look('?what=keys')
    const csv = await mara.browser.submit(page.form('/activity/export'), { format: 'csv' })
    assert.equal(csv.status, 200)
    assert.equal(csv.headers['content-type'], 'text/csv; charset=utf-8')
    assert.equal(csv.headers['content-disposition'], `attachment; filename="activity-${day(world.clock.now())}.csv"`)
    const [head, line, ...others] = csv.text.split('\r\n')
    assert.equal(head, 'number,time,actor,event,what,object,app,address,data')
    assert.match(
      line ?? '',
      /^\d+,20\d\d-.*,mara@harbor\.example,mara@harbor\.example expired the key default of Shipyard Hosting,key\.expired,key_/,
    )
    assert.deepEqual(others, [''])
    assert.equal((await activityOf(world, mara.accountId)).at(-1), 'activity.exported')
    await makeCheckpoints(world.deps, 0)
    const all = await mara.browser.submit((await look()).form('/activity/export'), { format: 'ndjson' })
    const lines = all.text
      .trim()
      .split('\n')
      .map(text => JSON.parse(text))
    assert.equal(all.headers['content-type'], 'application/x-ndjson; charset=utf-8')
    assert.equal(lines[0].what, 'activity.exported')
    assert.deepEqual(
      lines.map(({ number }) => number),
      lines.map((_, index) => lines.length - index),
    )
    const expired = lines.find(({ what }) => what === 'key.expired')
    assert.deepEqual(expired.actor, { type: 'user', id: mara.userId, name: 'mara@harbor.example' })
    assert.deepEqual([expired.app_id, expired.account_id, expired.data.name], [app.id, mara.accountId, 'default'])
    assert.match(expired.hash, /^[\w-]{43}$/)
    assert.equal(lines.filter(({ checkpoint }) => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(checkpoint ?? '')).length, 1)
    assert.equal((await mara.browser.post('/activity/export', { from: 'x' })).status, 400)
  })

  test('a long log is paged and exported whole, in order, with entries of one moment and entries written late', async () => {
    const reader = await world.person()
    const acts = Array.from(
      { length: 1_203 },
      (_, index): Act => ({
        actor: { type: 'user', id: reader.userId, ip: '203.0.113.7' },
        what: index % 3 === 0 ? 'key.edited' : 'key.created',
        object: `key_${String(index).padStart(26, '0')}`,
        at: world.clock.now() + Math.floor(index / 7) - (index % 100 === 0 ? 500 : 0),
      }),
    )
    await world.deps.database.transaction(tx => recordActivity(tx, world.deps, [reader.accountId], acts))
    const rows = await world.deps.database.knex('activity').where({ account_id: reader.accountId })
    const expected = rows
      .filter(({ what }) => what.startsWith('key.'))
      .sort((a, b) => Number(b.at) - Number(a.at) || b.number - a.number)
      .map(({ object }) => object)
    const objects: string[] = []
    for (let path: string | undefined = '/activity?what=keys'; path; ) {
      const { text } = await reader.browser.get(path)
      objects.push(...[...text.matchAll(/<code>(key_\d+)<\/code>/g)].map(([, id = '']) => id))
      path = /href="([^"]+)">Older entries/.exec(text)?.[1]?.replaceAll('&amp;', '&')
    }
    assert.deepEqual(objects, expected)
    const exported = await reader.browser.post('/activity/export', { format: 'ndjson', what: 'keys' })
    const lines = exported.text
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    assert.deepEqual(
      lines.map(({ object }) => object),
      expected,
    )
  })

  test('people who were deleted are a former member, and no name is looked up row by row', async () => {
    const [gone, stays] = [await world.person(), await world.person({ email: 'stays@harbor.example' })]
    const accountIds = [stays.accountId]
    const acts = [gone, stays].flatMap(({ userId }) =>
      Array.from(
        { length: 20 },
        (): Act => ({
          actor: { type: 'user', id: userId, ip: '203.0.113.7' },
          what: 'installation.created',
          object: installed.id,
          at: world.clock.now(),
        }),
      ),
    )
    const { knex } = world.deps.database
    const countFor = async () =>
      await world.deps.database.read(async tx => {
        let statements = 0
        tx.on('query', () => {
          statements += 1
        })
        const found = await listActivity(tx, { accountId: stays.accountId }, undefined, 100)
        await loadActivityNames(tx, { accountId: stays.accountId, brand: 'Latchkey' }, found)
        return statements
      })
    const few = await countFor()
    await world.deps.database.transaction(tx => recordActivity(tx, world.deps, accountIds, acts))
    for (const table of ['sessions', 'memberships']) await knex(table).where({ user_id: gone.userId }).delete()
    await knex('users').where({ id: gone.userId }).delete()
    const text = textOf(await stays.browser.get('/activity'))
    assert.ok(text.includes('A former member installed Shipyard Hosting'))
    assert.ok(text.includes('stays@harbor.example installed Shipyard Hosting'))
    assert.ok(few > 5, String(few))
    assert.equal(await countFor(), few)
  })
})

test('exports are limited', async () => {
  await using world = await createWorld({ worker: false, env: { RATE_LIMITS: 'on' } })
  const { browser } = await world.person()
  for (let time = 0; time < 10; time += 1) assert.equal((await browser.post('/activity/export')).status, 200)
  const refused = await browser.post('/activity/export')
  assert.equal(refused.status, 429)
  assert.ok(Number(refused.headers['retry-after']) > 0)
})

test('cells of a CSV file: no text is a formula, and quotes, commas and lines stay in their cell', () => {
  for (const formula of ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', ' =1', '\u200b=1', '＝1'])
    assert.match(csvCell(formula), /^"?'/, JSON.stringify(formula))
  assert.equal(csvCell('=HYPERLINK("http://x","y")'), `"'=HYPERLINK(""http://x"",""y"")"`)
  assert.equal(csvCell('a,b'), '"a,b"')
  assert.equal(csvCell('a\r\nb "c"'), '"a\r\nb ""c"""')
  for (const plain of ['', 'Web server', 'a-b', '2030-01-01', '{}']) assert.equal(csvCell(plain), plain)
})

test('a filter is read as it is typed; the last day counts to its end', () => {
  const id = `app_${'0'.repeat(26)}`
  const { filter, faults } = readActivityFilter({ from: ' 2030-01-01', to: '2030-01-01', what: 'keys', object: id })
  assert.deepEqual(faults, [])
  assert.deepEqual([filter.from, filter.until], [Date.UTC(2030, 0, 1), Date.UTC(2030, 0, 2)])
  assert.deepEqual([filter.appId, filter.object], [id, undefined])
  assert.ok(filter.whats?.includes('key.expired'))
  assert.deepEqual(
    readActivityFilter({ from: '2030-13-01', to: 'x', object: 'x' }).faults.map(({ field }) => field),
    ['object', 'from', 'to'],
  )
})
