import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sparkOf } from '../../server/account-portal/spark-page.ts'
import { DAY, installManaged, makeKey } from '../key-life/key-steps.ts'
import { changeRole, rowsOf, textOf, uninstall } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

test('managed and restricted keys are listed together with their manager, filtered by mode, status and platform', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person } = await installManaged(world)
  const colleague = await world.person({ accountName: 'Quay Coffee' })
  await makeKey(world, person, { name: 'Own live' })
  const play = await makeKey(world, person, { name: 'Own play', mode: 'test' })
  await world.deps.database.knex('keys').where({ id: play.id }).update({ created_by: colleague.userId })
  const ended = await makeKey(world, person, { name: 'Own ended' })
  await person.browser.post(`/keys/${ended.id}/expire`)
  const frozen = await makeKey(world, person, { name: 'Own frozen', mode: 'test' })
  await person.browser.post(`/keys/${frozen.id}/freeze`, { days: '7' })
  const names = ['default', 'Own live', 'Own play', 'Own ended', 'Own frozen']
  const shown = async (query: string) => {
    const page = await person.browser.get(`/keys${query}`)
    assert.equal(page.status, 200)
    return names.filter(name => page.text.includes(`<span class="cell-name">${name}</span>`))
  }
  assert.deepEqual(await shown(''), names)
  assert.deepEqual(await shown('?show=live'), ['default', 'Own live', 'Own ended'])
  assert.deepEqual(await shown('?show=test'), ['Own play', 'Own frozen'])
  assert.deepEqual(await shown('?status=active'), ['default', 'Own live', 'Own play'])
  assert.deepEqual(await shown('?status=expired'), ['Own ended'])
  assert.deepEqual(await shown('?show=expired'), ['Own ended'])
  assert.deepEqual(await shown('?status=frozen'), ['Own frozen'])
  assert.deepEqual(await shown('?platform=you'), names.slice(1))
  assert.deepEqual(await shown(`?platform=${app.id}`), ['default'])
  assert.deepEqual(await shown('?show=test&status=active&platform=you'), ['Own play'])
  assert.deepEqual(await shown(`?show=test&platform=${app.id}`), [])
  for (const nonsense of [
    '?show=x',
    '?status[]=active&platform=%27',
    '?platform=app_nobody',
    '?before=key_x',
    '?show=live&show=test',
  ])
    assert.ok((await shown(nonsense)).length > 0, nonsense)
  const page = await person.browser.get('/keys?show=test&status=frozen')
  const filter = page.form('/keys')
  assert.deepEqual(filter.fields, { show: 'test', status: 'frozen', platform: '' }, 'the form repeats the filter')
  assert.match(page.text, /href="\/keys\?show=live&amp;status=frozen"/, 'the links keep the filter')
  assert.ok(textOf(await person.browser.get('/keys?status=kept')).includes('No keys of this kind'))
  for (const manager of ['Shipyard Hosting', 'You', colleague.email])
    assert.match((await person.browser.get('/keys')).text, new RegExp(`<span>${manager}</span></span>`))
})

test('each key shows its last seven days as a chart with a text alternative', async () => {
  await using world = await createWorld({ worker: false })
  const { person, key, keyId } = await installManaged(world)
  await world.verify(key)
  await world.verify(key)
  await world.deps.usage.flush()
  const hour = 3_600_000
  const today = Math.floor(world.clock.now() / DAY) * DAY
  const rows = [
    { hour: today - DAY, calls: 640 },
    { hour: today - DAY + 23 * hour, calls: 1 },
    { hour: today - 6 * DAY, calls: 7 },
    { hour: today - 6 * DAY - hour, calls: 99 },
  ]
  await world.deps.database.knex('key_usage_hours').insert(rows.map(row => ({ key_id: keyId, ...row })))
  const { text } = await person.browser.get('/keys')
  assert.match(text, /class="spark"[^>]*role="img" aria-label="Calls per day, last 7 days: 7, 0, 0, 0, 0, 641, 2"/)
})

test('the scale of a chart starts at eight calls, and a day without calls is a line', () => {
  const { bars } = sparkOf([0, 1, 8, 4, 0, 0, 2])
  assert.deepEqual(
    bars.map(({ x, height, none }) => [x, height, none]),
    [
      [0, 2, true],
      [12, 3, false],
      [24, 24, false],
      [36, 12, false],
      [48, 2, true],
      [60, 2, true],
      [72, 6, false],
    ],
  )
  assert.deepEqual(
    sparkOf([640, 320, 0, 0, 0, 0, 1]).bars.map(({ height }) => height),
    [24, 12, 2, 2, 2, 2, 3],
  )
})

test('kept keys are marked, suspended keys say so, and the menu holds the possible actions', async () => {
  await using world = await createWorld({ worker: false })
  const { person, id, keyId } = await installManaged(world)
  const menu = async () => {
    const { text } = await person.browser.get('/keys')
    return ['rotate', 'edit', 'freeze', 'unfreeze', 'expire'].filter(act => text.includes(`/keys/${keyId}/${act}"`))
  }
  assert.deepEqual(await menu(), ['rotate', 'edit', 'freeze', 'expire'])
  await person.browser.post(`/apps/${id}/suspend`)
  assert.match((await person.browser.get('/keys')).text, /class="status warn">Suspended</)
  await person.browser.post(`/apps/${id}/resume`)
  await person.browser.post(`/keys/${keyId}/freeze`, { days: '7' })
  assert.deepEqual(await menu(), ['rotate', 'edit', 'unfreeze', 'expire'])
  await person.browser.post(`/keys/${keyId}/unfreeze`)
  await uninstall(person, id, { keys: 'keep' })
  assert.ok(textOf(await person.browser.get('/keys?status=kept')).includes('Kept after uninstall'))
  assert.deepEqual(await menu(), ['edit', 'freeze', 'expire'], 'no installation is left to receive a new key')
  await changeRole(world, person, 'viewer')
  assert.deepEqual(await menu(), [])
})

test('an account with 5,000 keys is listed in pages, with every key on exactly one', async () => {
  await using world = await createWorld({ worker: false })
  const { app, person } = await installManaged(world)
  const { row } = await makeKey(world, person)
  const [managed] = await rowsOf(world, 'keys', { kind: 'managed' })
  const { knex } = world.deps.database
  const pad = (index: number) => String(index).padStart(6, '0')
  const many = Array.from({ length: 5_000 }, (_, index) => ({
    ...(index % 2 === 0 ? row : managed),
    id: `key_${'0'.repeat(20)}${pad(index)}`,
    hash: `hash ${index}`,
    name: `Key ${pad(index)}`,
    form_hash: null,
    created_at: Number(row['created_at']) - Math.floor(index / 10) * 1_000,
  }))
  for (let start = 0; start < many.length; start += 500) await knex('keys').insert(many.slice(start, start + 500))
  const seen: string[] = []
  const first = await person.browser.get(`/keys?platform=${app.id}`)
  for (let page = first, pages = 1; ; pages += 1) {
    seen.push(...[...page.text.matchAll(/class="cell-name">(.*?)</g)].map(([, name = '']) => name))
    assert.ok(seen.length <= 20 * pages)
    const [, older] = /href="([^"]*)">Older keys/.exec(page.text) ?? []
    if (!older) break
    page = await person.browser.get(older.replaceAll('&amp;', '&'))
    assert.match(page.text, /Newest keys/)
  }
  assert.equal(seen.length, 2_501)
  assert.equal(new Set(seen).size, 2_501)
})
