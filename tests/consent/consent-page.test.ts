import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askConsent, changeRole, countMade, join, press, rowsOf, textOf, tokensFrom } from '../support/steps.ts'
import { createWorld, REDIRECT } from '../support/world.ts'

test('the consent page lists every permission with its purpose, the keys to be made, and the host that receives them', async () => {
  await using world = await createWorld({ worker: false })
  const managed_keys = [{ name: 'checkout', permissions: ['charges:write'] }, { name: 'reports' }]
  const app = await world.app({ metadata: { managed_keys } })
  const { page } = await askConsent(await world.person(), app)
  const text = textOf(page)
  assert.match(page.text, /<h1>Install Shipyard Hosting<\/h1>/)
  for (const words of [
    'See charges: amount, date, card brand and last four digits',
    'To show today’s takings.',
    'Create and capture charges',
    'To take payments.',
    'See customers: name, email and billing address',
    'To fill in the customer.',
    'Shipyard, Inc.',
    'Harbor Books',
    '2 keys will be made for it',
    'checkout',
    'reports',
    'Can move money',
    'Can see personal data',
    'Install app',
    'Cancel',
  ])
    assert.ok(text.includes(words), words)
  assert.ok(text.includes(new URL(app.receiver.url).host), 'the host that receives the keys')
  assert.ok(text.includes(new URL(REDIRECT).host), 'where the browser returns to')
})

test('only requested permissions are shown', async () => {
  await using world = await createWorld({ worker: false })
  const { page } = await askConsent(await world.person(), await world.app(), { scope: 'charges:read' })
  assert.ok(textOf(page).includes('To show today’s takings.'))
  assert.ok(!textOf(page).includes('To take payments.'))
})

test('markup in a purpose is escaped', async () => {
  await using world = await createWorld({ worker: false })
  const permissions = [{ name: 'charges:read', purpose: '<img src=x onerror=alert(1)>' }]
  const { page } = await askConsent(await world.person(), await world.app({ metadata: { permissions } }))
  assert.ok(!page.text.includes('<img src=x'))
  assert.ok(page.text.includes('&lt;img src=x onerror=alert(1)&gt;'))
})

test('Cancel leaves no row and returns access_denied with state and iss', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const before = await countMade(world)
  const { request, page } = await askConsent(person, app)
  const back = await press(person, page, 'cancel')
  const location = new URL(back.location ?? '')
  assert.equal(location.origin + location.pathname, REDIRECT)
  assert.equal(location.searchParams.get('error'), 'access_denied')
  assert.equal(location.searchParams.get('state'), request.state)
  assert.equal(location.searchParams.get('iss'), world.url)
  assert.equal(location.searchParams.get('code'), null)
  assert.deepEqual(await countMade(world), before)
  assert.equal((await rowsOf(world, 'oauth_records', { model: 'Grant' })).length, 0)
})

test('leaving the page leaves no row', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const before = await countMade(world)
  await askConsent(person, app)
  assert.deepEqual(await countMade(world), before)
})

test('a person with several accounts chooses one, and the app is installed there', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person({ accountName: 'Harbor Books' })
  const friend = await world.person({ accountName: 'Quay Coffee' })
  const observed = await world.person({ accountName: 'Looked At Only' })
  await join(world, person, friend, 'admin')
  await join(world, person, observed, 'viewer')
  const { request, page } = await askConsent(person, app)
  const select = /<select[^>]*name="account".*?<\/select>/s.exec(page.text)?.[0] ?? ''
  assert.deepEqual(
    [...select.matchAll(/<option[^>]*>(.*?)<\/option>/g)].map(([, name]) => name),
    ['Harbor Books', 'Quay Coffee'],
  )
  const installed = await tokensFrom(app, request, await press(person, page, 'install', { account: friend.accountId }))
  const [row] = await rowsOf(world, 'installations')
  assert.deepEqual([row?.['id'], row?.['account_id']], [installed.id, friend.accountId])
  const asked = await person.browser.get(`/apps/${installed.id}`)
  const shown = await person.browser.follow(await person.browser.submit(asked.form('Switch account')))
  assert.ok(textOf(shown).includes('in Quay Coffee'))
})

test('an account of somebody else is refused with a message', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const stranger = await world.person({ accountName: 'Quay Coffee' })
  const { page } = await askConsent(person, app)
  const again = await press(person, page, 'install', { account: stranger.accountId })
  assert.equal(again.status, 422)
  assert.ok(textOf(again).includes('Choose one of your accounts.'))
  assert.ok(!again.text.includes('Quay Coffee'))
  assert.deepEqual(await rowsOf(world, 'installations'), [])
})

test('mode=test makes test keys, and the page offers no other mode', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person()
  const { request, page } = await askConsent(person, app, { extra: { mode: 'test' } })
  assert.equal(page.form('/interaction/').fields['mode'], 'test')
  assert.ok(!/value="live"/.test(page.text))
  const installed = await tokensFrom(app, request, await press(person, page, 'install'))
  assert.equal(installed.mode, 'test')
  const { key } = await app.receiver.waitFor('managed_key.created')
  assert.match(key ?? '', /^lkm_test_[0-9A-Za-z]{38}$/)
  assert.equal((await world.verify(key ?? ''))['mode'], 'test')
})

test('the form cannot turn mode=test into live', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { page } = await askConsent(person, app, { extra: { mode: 'test' } })
  const again = await press(person, page, 'install', { mode: 'live' })
  assert.equal(again.status, 422)
  assert.ok(textOf(again).includes('Choose a mode.'))
  assert.deepEqual(await rowsOf(world, 'installations'), [])
})

test('without a mode the person chooses, and live is preselected', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  const { request, page } = await askConsent(person, app)
  assert.equal(page.form('/interaction/').fields['mode'], 'live')
  const installed = await tokensFrom(app, request, await press(person, page, 'install', { mode: 'test' }))
  assert.equal(installed.mode, 'test')
})

test('a draft defaults to test mode, and only its own account may install it', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ draft: true })
  const { page } = await askConsent(app.platform.person, app)
  assert.equal(page.form('/interaction/').fields['mode'], 'test')
  const stranger = await world.person()
  const { page: refused } = await askConsent(stranger, app)
  assert.deepEqual([refused.status, refused.forms().length], [400, 0])
  assert.deepEqual(await rowsOf(world, 'installations'), [])
})

test('a member who may not install sees the reason instead of the button, and can still cancel', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  const person = await world.person()
  await changeRole(world, person, 'viewer')
  const { page } = await askConsent(person, app)
  assert.ok(textOf(page).includes('Your role does not let you install apps.'))
  assert.ok(!textOf(page).includes('Install app'))
  const back = await press(person, page, 'cancel')
  assert.equal(new URL(back.location ?? '').searchParams.get('error'), 'access_denied')
})
