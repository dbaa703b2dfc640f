import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBrowserSession } from '../support/browser-session.ts'
import { createWorld, type World } from '../support/world.ts'

type Row = Record<string, unknown>
const COUNT = 60
const PAGE = 24

/** Copies the published app into rows of the same shape, plus one draft; every tenth app is in another category. */
async function crowded() {
  const world = await createWorld({ worker: false })
  const app = await world.app({ metadata: { client_name: 'Aardvark 100%', categories: ['Hosting'] } })
  await world.app({ draft: true, metadata: { client_name: 'Quiet Draft', categories: ['Secret'] } })
  const { knex } = world.deps.database
  const like: Row = await knex('apps').where({ id: app.id }).first()
  const version: Row = await knex('app_versions').where({ app_id: app.id }).first()
  for (let index = 0; index < COUNT; index += 1) {
    const [id, number] = [world.deps.ids.next('app'), String(index).padStart(3, '0')]
    const categories = index % 10 === 0 ? ['Tools'] : ['Hosting']
    const manifest = { ...JSON.parse(String(version['manifest'])), client_name: `Other ${number}`, categories }
    const text = `other ${number}\n${categories[0]?.toLowerCase()}`
    await knex('apps').insert({ ...like, id, slug: `other-${number}`, search_text: text })
    await knex('app_versions').insert({ ...version, app_id: id, manifest: JSON.stringify(manifest) })
    await knex('app_categories').insert(categories.map(category => ({ app_id: id, category })))
  }
  return { world, app }
}

function reader(world: World, browser = createBrowserSession(world.url)) {
  return async (path: string) => {
    const { status, text } = await browser.get(path)
    assert.equal(status, 200)
    const link = (name: string) =>
      new RegExp(`href="([^"]*)">${name}`).exec(text)?.[1]?.replaceAll('&amp;', '&') ?? undefined
    const apps = [...text.matchAll(/<h2><a href="\/marketplace\/[^"]+">([^<]*)<\/a><\/h2>/g)].map(([, name]) => name)
    const categories = [...text.matchAll(/href="\/marketplace\?category=([^"]+)"/g)].map(([, name]) => name)
    return { apps, text, categories, next: link('Next apps'), previous: link('Previous apps') }
  }
}

test('the marketplace has pages in both directions, with each app on exactly one', async () => {
  const { world, app } = await crowded()
  await using _ = world
  const look = reader(world)
  const pages = [await look('/marketplace')]
  for (let next = pages[0]?.next; next; next = pages.at(-1)?.next) pages.push(await look(next))
  assert.deepEqual(
    pages.map(({ apps }) => apps.length),
    [PAGE, PAGE, COUNT + 1 - 2 * PAGE],
  )
  const names = pages.flatMap(({ apps }) => apps)
  assert.equal(new Set(names).size, COUNT + 1)
  assert.deepEqual([names.at(0), names.at(-1)], ['Aardvark 100%', 'Other 059'])
  assert.equal(pages[0]?.previous, undefined)
  const middle = await look(pages[2]?.previous ?? '')
  assert.deepEqual(middle.apps, pages[1]?.apps)
  const first = await look(middle.previous ?? '')
  assert.deepEqual([first.apps, first.previous], [pages[0]?.apps, undefined])
  assert.deepEqual([...new Set(pages[0]?.categories)], ['Hosting', 'Tools'], 'a stranger sees nothing of a draft')

  const tools = await look('/marketplace?category=Tools')
  assert.deepEqual([tools.apps.length, tools.next], [6, undefined])
  const found = await look('/marketplace?category=Hosting&q=OTHER')
  assert.equal(found.apps.length, PAGE)
  assert.deepEqual((await look(found.next ?? '')).apps.at(-1), 'Other 053', 'paging keeps the search')
  assert.deepEqual((await look('/marketplace?q=100%25')).apps, ['Aardvark 100%'])
  assert.deepEqual((await look('/marketplace?q=other+_59')).apps, [])
  assert.match((await look('/marketplace?after=zzz')).text, /No more apps/)
  assert.ok(
    (await look('/marketplace?before=a')).apps.length === PAGE,
    'going back from the first page shows the first page',
  )
  assert.ok((await look('/marketplace?category=None')).text.includes('No apps in this category'))
  await world.deps.database.knex('apps').where({ id: app.id }).update({ status: 'suspended' })
  assert.equal((await look('/marketplace')).apps.at(0), 'Other 000')
})

test('a publisher’s drafts are listed among the published apps; a changed or published app is found by its new words', async () => {
  await using world = await createWorld({ worker: false })
  const draft = await world.app({ draft: true, metadata: { client_name: 'Zebra', categories: ['Animals'] } })
  const shown = await world.app({ metadata: { client_name: 'Yak' } })
  const [own, stranger] = [reader(world, draft.platform.person.browser), reader(world)]
  const home = await own('/marketplace')
  assert.deepEqual(
    [home.apps, home.categories.toSorted()],
    [
      ['Yak', 'Zebra'],
      ['Animals', 'Hosting'],
    ],
  )
  assert.deepEqual((await own('/marketplace?category=Animals')).apps, ['Zebra'])
  assert.deepEqual((await stranger('/marketplace')).apps, ['Yak'])
  assert.deepEqual((await stranger('/marketplace?q=zebra')).apps, [])
  const { registration_client_uri, registration_access_token, ...registered } = shown.registered
  const { client_secret, webhook_secret, status, client_id_issued_at, client_secret_expires_at, ...metadata } =
    registered
  const changed = await fetch(String(registration_client_uri), {
    method: 'PUT',
    headers: { authorization: `Bearer ${registration_access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...metadata, client_secret, client_name: 'Gnu', categories: ['Herds'] }),
  })
  assert.equal(changed.status, 200, await changed.clone().text())
  assert.ok(client_id_issued_at !== undefined && webhook_secret && status && client_secret_expires_at !== null)
  assert.deepEqual((await stranger('/marketplace?q=gnu')).apps, ['Gnu'])
  assert.deepEqual((await stranger('/marketplace?q=yak')).apps, [])
  assert.deepEqual((await stranger('/marketplace?category=Herds')).apps, ['Gnu'])
})
