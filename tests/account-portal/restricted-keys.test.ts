import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Role } from '../../server/accounts/account-store.ts'
import { DAY, FILLED, keyRow, latestAct, makeKey, sendKeyForm, shownKey } from '../key-life/key-steps.ts'
import { activityOf, changeRole, countMade, rowsOf, textOf } from '../support/steps.ts'
import { createWorld } from '../support/world.ts'

test('a new restricted key is shown once, in the response to the form, and verifies with the chosen permissions', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const addresses = ' 203.0.113.99/24 \n::ffff:198.51.100.1'
  const { answer, key, row, id } = await makeKey(world, person, { note: 'Ask Jonas', addresses })
  assert.match(key, /^lkr_live_[0-9A-Za-z]{38}$/)
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.ok(!answer.url.includes(key))
  assert.ok(textOf(answer).includes('Copy your new key now'))
  assert.match(answer.text, /<button[^>]*needs-script[^>]*>.*Copy<\/button>/s)
  assert.deepEqual(JSON.parse(String(row['addresses'])), ['203.0.113.0/24', '198.51.100.1'])
  assert.equal(row['note'], 'Ask Jonas')
  const verdict = await world.verify(key, { permission: 'payouts:read', ip: '203.0.113.7' })
  assert.deepEqual(verdict, {
    valid: true,
    key_id: id,
    type: 'restricted',
    account_id: person.accountId,
    installation_id: null,
    app_id: null,
    mode: 'live',
    permissions: ['charges:read', 'payouts:read'],
    expires_at: null,
  })
  const act = await latestAct(world, person.accountId, 'key.created')
  assert.equal(act?.object, id)
  assert.deepEqual(
    [act?.data['name'], act?.data['permissions'], act?.data['addresses']],
    ['Month-end export', ['charges:read', 'payouts:read'], ['203.0.113.0/24', '198.51.100.1']],
  )
  const list = await person.browser.get('/keys')
  for (const words of [
    'Month-end export',
    `lkr_live_…${key.slice(-4)}`,
    'You',
    'Only from 2 addresses or ranges',
    'Active',
  ])
    assert.ok(textOf(list).includes(words), words)
  assert.ok(!list.text.includes(key.slice(9, 41)))
})

test('the plaintext appears nowhere else: not in the data folder, the database, the logs, or a later page', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { key, id } = await makeKey(world, person)
  await world.verify(key)
  const secret = key.slice('lkr_live_'.length)
  for (const path of [
    '/keys',
    '/keys/new',
    `/keys/${id}/edit`,
    `/keys/${id}/rotate`,
    `/keys/${id}/expire`,
    '/activity',
  ])
    assert.ok(!(await person.browser.get(path)).text.includes(secret), path)
  for (const table of ['keys', 'activity', 'sessions'])
    assert.ok(!JSON.stringify(await rowsOf(world, table)).includes(secret), table)
  assert.ok(!world.logs.join('\n').includes(secret))
  for (const file of readdirSync(world.dataDir, { recursive: true, withFileTypes: true }))
    if (file.isFile()) assert.ok(!readFileSync(join(file.parentPath, file.name)).includes(secret), file.name)
})

test('a key with a last day expires at the end of that day in UTC, to the millisecond', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const day = new Date(world.clock.now() + 2 * DAY).toISOString().slice(0, 10)
  const { key } = await makeKey(world, person, { expires_on: day })
  const end = Date.parse(`${day}T00:00:00.000Z`) + DAY
  assert.equal((await world.verify(key))['expires_at'], new Date(end).toISOString())
  world.clock.now = () => end - 1
  assert.equal((await world.verify(key))['valid'], true)
  world.clock.now = () => end
  assert.deepEqual(await world.verify(key), { valid: false, code: 'expired' })
})

test('submitting the same form again makes no second key and shows the first one, also eight times at once', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const form = (await person.browser.get('/keys/new')).form('Create key')
  const answers = await Promise.all(Array.from({ length: 8 }, () => person.browser.submit(form, FILLED)))
  const keys = new Set(answers.map(shownKey))
  assert.equal(keys.size, 1, 'every response shows the same key')
  assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 200, 200, 200, 200, 200, 200, 201])
  const [key = ''] = keys
  assert.equal((await world.verify(key))['valid'], true)
  assert.equal((await rowsOf(world, 'keys')).length, 1)
  assert.equal((await activityOf(world, person.accountId)).filter(what => what === 'key.created').length, 1)
  const reload = await person.browser.submit(form, FILLED)
  assert.equal(shownKey(reload), key)
  assert.ok(textOf(reload).includes('No second key was made.'))
  const other = await sendKeyForm(person)
  assert.ok(shownKey(other) && shownKey(other) !== key, 'a new form makes a new key')
})

test('a used form makes and shows nothing when it is late, changed, or sent by another person', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const form = (await person.browser.get('/keys/new')).form('Create key')
  const key = shownKey(await person.browser.submit(form, FILLED))
  const refused = async (fields = FILLED) => {
    const answer = await person.browser.submit(form, fields)
    assert.equal(answer.status, 409)
    assert.equal(shownKey(answer), '')
    assert.ok(!answer.text.includes(key))
    assert.match(textOf(answer), /Nothing was changed.*this form has already created “Month-end export”/)
  }
  await refused({ ...FILLED, name: 'Another' })
  await refused({ ...FILLED, permissions: ['charges:read', 'payouts:write'] })
  world.clock.advance(11 * 60_000)
  await refused()
  assert.equal((await rowsOf(world, 'keys')).length, 1)
  const stranger = await world.person({ accountName: 'Quay Coffee' })
  const theirs = await stranger.browser.submit(form, FILLED)
  assert.notEqual(shownKey(theirs), key, 'the same form id counts separately in another account')
})

for (const [fault, fields, words] of [
  ['no name', { name: '   ' }, 'Give the key a name.'],
  ['a long name', { name: 'n'.repeat(81) }, 'Use 80 characters or fewer for the name.'],
  ['no mode', { mode: '' }, 'Choose live or test mode.'],
  ['another mode', { mode: 'play' }, 'Choose live or test mode.'],
  ['no permission', { permissions: [] }, 'Tick at least one permission.'],
  [
    'a permission that there is not',
    { permissions: ['charges:read', 'moon:land'] },
    'moon:land is not one of these permissions',
  ],
  ['a long note', { note: 'n'.repeat(201) }, 'Use 200 characters or fewer for the note.'],
  ['no such day', { expires_on: '2030-02-31' }, 'Choose the last day, as in 2030-01-31.'],
  ['a past day', { expires_on: '2020-01-01' }, 'Choose today or a later day.'],
  ['a day too far in the future', { expires_on: '2999-01-01' }, 'Choose a day within the next ten years.'],
  ['no address', { addresses: '203.0.113.7\nnowhere' }, 'Line 2: nowhere is not an address'],
  ['every address', { addresses: '::/0' }, 'Line 1: ::/0 allows every address.'],
  ['nobody', { addresses: '\n \n' }, 'There is no address here.'],
] as const) {
  test(`422: with ${fault} no key is made, and the form keeps what was typed`, async () => {
    await using world = await createWorld({ worker: false })
    const person = await world.person()
    const before = await countMade(world)
    const typed = { ...FILLED, note: 'kept', addresses: '203.0.113.7', ...fields } as Record<string, string | string[]>
    const answer = await sendKeyForm(person, typed)
    assert.equal(answer.status, 422)
    assert.match(answer.text, /<title>Error: /)
    assert.match(answer.text, /role="alert"/)
    assert.ok(textOf(answer).includes(words), textOf(answer).slice(0, 1_500))
    const { fields: kept } = answer.form('Create key')
    for (const name of ['name', 'note', 'addresses', 'expires_on'])
      if (typeof typed[name] === 'string') assert.equal(kept[name]?.replaceAll('\r\n', '\n'), typed[name], name)
    for (const permission of [typed['permissions'] ?? []].flat().filter(name => name !== 'moon:land'))
      assert.match(answer.text, new RegExp(`value="${permission}" checked`))
    assert.deepEqual(await countMade(world), before)
  })
}

test('hostile text is escaped', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const name = '"><script>alert(1)</script>'
  const refused = await sendKeyForm(person, { name, note: name, addresses: '</textarea><script>' })
  assert.ok(!refused.text.includes('<script>alert') && !refused.text.includes('</textarea><script>'))
  const { answer } = await makeKey(world, person, { name })
  assert.ok(!answer.text.includes('<script>alert'))
  assert.ok(!(await person.browser.get('/keys')).text.includes('<script>alert'))
})

const may: Record<Role, { live: boolean; test: boolean }> = {
  owner: { live: true, test: true },
  admin: { live: true, test: true },
  developer: { live: false, test: true },
  viewer: { live: false, test: false },
}

for (const role of ['owner', 'admin', 'developer', 'viewer'] as const) {
  test(`roles: the permissions of a ${role} on restricted keys are checked when a form is submitted`, async () => {
    await using world = await createWorld({ worker: false })
    const person = await world.person()
    const form = (await person.browser.get('/keys/new')).form('Create key')
    for (const mode of ['live', 'test'] as const) {
      await changeRole(world, person, 'owner')
      const { id, key } = await makeKey(world, person, { mode })
      await changeRole(world, person, role)
      const allowed = may[role][mode]
      const acts = [
        ['edit', { ...FILLED, name: 'Renamed' }, 303],
        ['freeze', { days: '7' }, 303],
        ['unfreeze', {}, 303],
        ['rotate', { overlap: '86400' }, 201],
        ['expire', {}, 303],
      ] as const
      for (const [act, fields, done] of acts) {
        assert.equal((await person.browser.get(`/keys/${id}/${act}`)).status, allowed ? 200 : 403)
        const answer = await person.browser.post(`/keys/${id}/${act}`, fields)
        assert.equal(answer.status, allowed ? done : 403, `${act} ${mode}`)
        if (!allowed) assert.match(textOf(answer), new RegExp(`Nothing was changed: you are ${role} of Harbor Books`))
      }
      assert.equal((await world.verify(key))['valid'], !allowed, `${mode} key after all actions`)
      const fresh = await person.browser.submit(form, { ...FILLED, mode, form: '' })
      assert.equal(fresh.status, allowed ? 201 : 403)
      const list = await person.browser.get('/keys')
      assert.equal(list.status, 200)
      assert.equal(list.text.includes('Create restricted key'), may[role].test)
    }
    const page = await person.browser.get('/keys/new')
    assert.equal(page.status, may[role].test ? 200 : 403)
    assert.equal(/id="live"/.test(page.text), may[role].live)
  })
}

test('a cross-site form and an unauthenticated form change nothing', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const before = await countMade(world)
  const foreign = { origin: 'https://elsewhere.example', 'sec-fetch-site': 'cross-site' }
  assert.equal((await person.browser.post('/keys/new', FILLED, foreign)).status, 403)
  person.browser.clearCookies()
  assert.equal((await person.browser.post('/keys/new', FILLED)).status, 303)
  assert.equal((await person.browser.get('/keys/new')).status, 303)
  assert.deepEqual(await countMade(world), before)
})

test('Rotate: the new key is shown once, and the old one works until its overlap ends, to the millisecond', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { key: old, id } = await makeKey(world, person, { note: 'Ask Jonas', addresses: '203.0.113.0/24' })
  const page = await person.browser.get(`/keys/${id}/rotate`)
  assert.equal(page.form('Rotate key').fields['overlap'], '86400')
  const answer = await person.browser.submit(page.form('Rotate key'), { reason: 'yearly' })
  assert.equal(answer.status, 201)
  assert.equal(answer.headers['cache-control'], 'no-store')
  const fresh = shownKey(answer)
  const ip = '203.0.113.7'
  assert.equal((await world.verify(fresh, { ip }))['valid'], true)
  assert.deepEqual((await world.verify(fresh, { ip }))['permissions'], ['charges:read', 'payouts:read'])
  assert.equal((await world.verify(fresh))['code'], 'ip_not_allowed', 'the new key has the allowlist of the old one')
  const end = Date.parse(String((await world.verify(old, { ip }))['expires_at']))
  assert.ok(Math.abs(end - world.clock.now() - DAY) < 60_000)
  const act = await latestAct(world, person.accountId, 'key.rotated')
  assert.deepEqual([act?.object, act?.data['reason'], act?.data['overlap_seconds']], [id, 'yearly', 86_400])
  assert.match(textOf(await person.browser.get('/keys')), /In 24 hours, replaced/)
  world.clock.now = () => end - 1
  assert.equal((await world.verify(old, { ip }))['valid'], true)
  world.clock.now = () => end
  assert.equal((await world.verify(old, { ip }))['code'], 'expired')
  assert.equal((await world.verify(fresh, { ip }))['valid'], true)
})

test('Rotate sent twice shows the same key; a second rotation requires confirmation', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { id } = await makeKey(world, person)
  const form = (await person.browser.get(`/keys/${id}/rotate`)).form('Rotate key')
  const answers = await Promise.all([1, 2, 3].map(() => person.browser.submit(form)))
  assert.equal(new Set(answers.map(shownKey)).size, 1)
  assert.ok(answers.map(shownKey).every(key => key !== ''))
  assert.equal((await rowsOf(world, 'keys')).length, 2)

  const { form: _, ...plain } = form.fields
  const again = await person.browser.post(`/keys/${id}/rotate`, plain)
  assert.equal(again.status, 409)
  assert.match(textOf(again), /Nothing was changed\. This key is being rotated already/)
  assert.equal((await rowsOf(world, 'keys')).length, 2)
  const meant = await person.browser.submit(again.form('Rotate key'), { force: 'yes' })
  assert.equal(meant.status, 201)
  assert.ok(shownKey(meant))
  assert.equal((await rowsOf(world, 'keys')).length, 3)
})

test('repeated rotation never replaces a key that expires with one that does not', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const day = new Date(world.clock.now() + 9 * DAY).toISOString().slice(0, 10)
  const { id } = await makeKey(world, person, { expires_on: day })
  const { expires_at: lastDay } = await keyRow(world, id)
  const rotate = async (which: string) => {
    const fields = { overlap: '86400', force: 'yes' }
    const answer = await person.browser.post(`/keys/${which}/rotate`, fields)
    const verdict = await world.verify(shownKey(answer))
    assert.equal(Date.parse(String(verdict['expires_at'])), lastDay)
    world.clock.advance(1_000)
    return String(verdict['key_id'])
  }
  const first = await rotate(id)
  await rotate(id)
  await rotate(first)
  await person.browser.post(`/keys/${first}/expire`)
  await rotate(id)
})

test('Rotate without overlap: the old key is refused as soon as the request returns', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { key, id } = await makeKey(world, person)
  const answer = await person.browser.post(`/keys/${id}/rotate`, { overlap: '0' })
  assert.equal((await world.verify(key))['code'], 'expired')
  assert.equal((await world.verify(shownKey(answer)))['valid'], true)
  assert.equal((await keyRow(world, id))['expired_because'], 'replaced')
})

test('422: Rotate without a choice of overlap asks for one and keeps the reason', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { id } = await makeKey(world, person)
  const answer = await person.browser.post(`/keys/${id}/rotate`, { overlap: '7', reason: 'yearly' })
  assert.equal(answer.status, 422)
  assert.equal(answer.form('Rotate key').fields['reason'], 'yearly')
  assert.equal((await rowsOf(world, 'keys')).length, 1)
})

test('Expire: the key is refused at once, and no action on it is left', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const { key, id } = await makeKey(world, person)
  const page = await person.browser.get(`/keys/${id}/expire`)
  assert.ok(textOf(page).includes('A restricted key in live mode, made by you.'))
  await person.browser.submit(page.form('Expire key'))
  assert.deepEqual(await world.verify(key), { valid: false, code: 'expired' })
  for (const [act, fields] of [
    ['edit', FILLED],
    ['freeze', { days: '1' }],
    ['unfreeze', {}],
    ['rotate', { overlap: '0' }],
  ] as const) {
    const answer = await person.browser.post(`/keys/${id}/${act}`, fields)
    assert.equal(answer.status, 409, act)
    assert.match(textOf(answer), /Nothing was changed\. Month-end export has expired already/)
  }
  assert.equal((await rowsOf(world, 'keys')).length, 1)
})

test('GET /v1/keys/self returns a restricted key’s own metadata to an allowed address', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const self = async (key: string) => {
    const answer = await fetch(`${world.url}/v1/keys/self`, { headers: { authorization: `Bearer ${key}` } })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  const { key, id } = await makeKey(world, person, { mode: 'test', note: 'Ask Jonas' })
  const { status, body } = await self(key)
  assert.equal(status, 200)
  assert.deepEqual(
    [body['id'], body['type'], body['mode'], body['installation_id'], body['note'], body['permissions']],
    [id, 'restricted', 'test', null, 'Ask Jonas', ['charges:read', 'payouts:read']],
  )
  assert.ok(!JSON.stringify(body).includes(key.slice(9, 41)))
  const here = await makeKey(world, person, { addresses: '127.0.0.1\n203.0.113.7' })
  assert.equal((await self(here.key)).status, 200)
  const elsewhere = await makeKey(world, person, { addresses: '203.0.113.7' })
  assert.equal((await self(elsewhere.key)).status, 401)
})
