import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import type { Answer, BrowserSession } from '../support/browser-session.ts'
import { createWorld, type Person, type World } from '../support/world.ts'

const secretIn = (html: string): string => /<textarea[^>]*>([^<]+)<\/textarea>/.exec(html)?.[1] ?? ''

async function setRole(world: World, person: Person, role: string): Promise<void> {
  await world.deps.database.knex('memberships').where({ user_id: person.userId }).update({ role })
}

async function logOf(world: World, accountId: string): Promise<string[]> {
  return await world.deps.database.knex('activity').where({ account_id: accountId }).orderBy('number').pluck('what')
}

const statusOf = async (world: World, token: string): Promise<number> => {
  const answer = await fetch(`${world.url}/oauth/register`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  })
  return answer.status // 401 for an unknown token, 400 if only the manifest is wrong
}

/** Reloads a page until it contains the text. */
async function until(browser: BrowserSession, url: string, text: string): Promise<Answer> {
  const limit = Date.now() + 30_000
  for (;;) {
    const page = await browser.get(url)
    if (page.text.includes(text)) return page
    assert.ok(Date.now() < limit, `${url} never said "${text}"`)
  }
}

test('/platform: a profile is made once, its token is shown once, and a new one replaces it at once', async () => {
  await using world = await createWorld({ worker: false })
  const person = await world.person()
  const first = await person.browser.get('/platform')
  const refused = await person.browser.submit(first.form('Start publishing'), { name: '  ' })
  assert.equal(refused.status, 422)
  assert.match(refused.text, /<title>Error: .*Give the name that people will see/s)
  const long = await person.browser.submit(first.form('Start publishing'), { name: '<b>'.repeat(50) })
  assert.equal(long.status, 422)
  assert.equal(long.form('Start publishing').fields['name'], '<b>'.repeat(50)) // the form keeps what was typed
  const made = await person.browser.submit(first.form('Start publishing'), { name: 'Shipyard <Inc.>' })
  const token = secretIn(made.text)
  assert.match(token, /^lkt_[0-9A-Za-z]{38}$/)
  assert.equal(await statusOf(world, token), 400)
  const again = await person.browser.submit(first.form('Start publishing'), { name: 'Shipyard' })
  assert.equal(again.status, 409)
  assert.match(again.text, /Nothing was changed/)

  const home = await person.browser.get('/platform')
  assert.match(home.text, /Published as Shipyard &lt;Inc\.&gt;/)
  assert.doesNotMatch(home.text, new RegExp(token))
  const rotated = secretIn((await person.browser.submit(home.form('/token'))).text)
  assert.equal(await statusOf(world, token), 401)
  assert.equal(await statusOf(world, rotated), 400)
  const log = await logOf(world, person.accountId)
  assert.deepEqual(log.slice(-2), ['platform.created', 'platform.token_rotated'])
  assert.doesNotMatch(world.logs.join('\n'), new RegExp(`${token}|${rotated}`))
})

test('strangers: another account’s platform, apps, deliveries and installations are hidden and cannot be changed', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const installed = await world.install(await world.person(), app)
  await app.receiver.waitFor('managed_key.created')
  const { id: delivery } = await world.deps.database.knex('deliveries').first('id')
  const stranger = await world.platform('Elsewhere')
  const base = `/platform/apps/${app.id}`
  const none = await stranger.person.browser.get(`/platform/apps/app_${'0'.repeat(26)}`)
  const normal = (text: string) => text.replaceAll(/req_\w+|app_\w{26}/g, '')
  const theirs = await stranger.person.browser.get(base)
  assert.deepEqual([theirs.status, normal(theirs.text)], [404, normal(none.text)])
  assert.equal((await stranger.person.browser.get(`${base}/deliveries/${delivery}`)).status, 404)
  const before = await world.deps.database.knex('activity').count({ n: '*' }).first()
  for (const path of [
    `${base}/test`,
    `${base}/submit`,
    `${base}/webhook-secret`,
    `${base}/client-secret`,
    `${base}/installations/${installed.id}/suspend`,
    `${base}/installations/${installed.id}/resume`,
    `${base}/deliveries/${delivery}/redeliver`,
    `/platform/${app.platform.platformId}/token`,
  ]) {
    assert.equal((await stranger.person.browser.post(path)).status, 404, path)
    assert.equal(
      (await app.platform.person.browser.post(path, {}, { origin: null, 'sec-fetch-site': null })).status,
      403,
    )
  }
  assert.deepEqual(await world.deps.database.knex('activity').count({ n: '*' }).first(), before)
  // An app of one's own with another app's delivery or installation.
  const own = await world.app()
  const path = `/platform/apps/${own.id}`
  assert.equal((await own.platform.person.browser.get(`${path}/deliveries/${delivery}`)).status, 404)
  assert.equal((await own.platform.person.browser.post(`${path}/deliveries/${delivery}/redeliver`)).status, 404)
  assert.equal((await own.platform.person.browser.post(`${path}/installations/${installed.id}/suspend`)).status, 404)
  assert.equal((await fetch(`${world.url}/platform`, { redirect: 'manual' })).status, 303)
})

test('roles: a developer and a viewer can read, and are refused at submit', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const installed = await world.install(await world.person(), app)
  await app.receiver.waitFor('managed_key.created')
  const { person, platformId } = app.platform
  const page = await person.browser.get(`/platform/apps/${app.id}`)
  const { id: delivery } = await world.deps.database.knex('deliveries').first('id')
  for (const role of ['developer', 'viewer']) {
    await setRole(world, person, role)
    for (const path of ['/platform', `/platform/apps/${app.id}`]) {
      const looked = await person.browser.get(path)
      assert.equal(looked.status, 200)
      assert.ok(
        looked.forms().every(({ action }) => !action.includes('/platform')),
        `${role} ${path}`,
      )
    }
    const paths = [
      ...['test', 'submit', 'webhook-secret', 'client-secret'].map(verb => `/platform/apps/${app.id}/${verb}`),
      `/platform/apps/${app.id}/installations/${installed.id}/suspend`,
      `/platform/apps/${app.id}/deliveries/${delivery}/redeliver`,
      `/platform/${platformId}/token`,
    ]
    for (const path of paths) {
      const refused = await person.browser.post(path)
      assert.equal(refused.status, 403, `${role} ${path}`)
      assert.match(refused.text, /Nothing was changed/)
    }
  }
  assert.ok(page.forms().some(({ action }) => action.endsWith('/test')))
  const newcomer = await world.person()
  await setRole(world, newcomer, 'viewer')
  assert.equal((await newcomer.browser.post('/platform', { name: 'Mine' })).status, 403)
})

test('Send test delivery: the page shows the response, and the delivery’s page shows it as text', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const { browser } = app.platform.person
  const path = `/platform/apps/${app.id}`
  const page = await browser.get(path)
  assert.match(page.text, /None\./)
  const sent = await browser.submit(page.form('Send test delivery'))
  assert.equal(sent.status, 303)
  const event = await app.receiver.waitFor('ping')
  assert.equal(event.verified, true)
  const after = await until(browser, String(sent.location), 'Test delivery acknowledged')
  assert.match(after.text, /answered 204 after/)
  assert.match(after.text, /Your own test/)

  app.receiver.behave({ status: 500, body: '<script>alert(1)</script>' })
  const again = await browser.submit(page.form('Send test delivery'))
  const failed = await until(browser, String(again.location), 'Test delivery failed')
  const [, href = ''] = /href="([^"]+)">See it/.exec(failed.text) ?? []
  const delivery = await browser.get(href)
  assert.match(delivery.text, /500 Internal Server Error/)
  assert.match(delivery.text, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/)
  assert.doesNotMatch(delivery.text, /<script/)
  assert.match(delivery.text, /25 bytes/)
  await browser.submit(delivery.form('Redeliver'))
  await app.receiver.waitFor('ping', 2)
  assert.equal((await logOf(world, app.platform.person.accountId)).at(-1), 'delivery.redelivered')
})

test('after 410 the page says that deliveries are paused, until a test is acknowledged', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  app.receiver.behave({ status: 410 })
  await world.deliver()
  const { browser } = app.platform.person
  const path = `/platform/apps/${app.id}`
  const paused = await browser.get(path)
  assert.match(paused.text, /Deliveries are paused\..*answered 410 Gone/s)
  assert.match(paused.text, /Paused</)
  await browser.submit(paused.form('Send test delivery'))
  await world.deliver()
  await app.receiver.waitFor('managed_key.created')
  assert.doesNotMatch((await browser.get(path)).text, /are paused|Paused</)
})

test('Redeliver sends the same bytes; with another encryption key it says so and sends nothing', async () => {
  await using world = await createWorld()
  const app = await world.app({ encryption: 'ECDH-ES+A256KW' })
  await world.install(await world.person(), app)
  const first = await app.receiver.waitFor('managed_key.created')
  const { browser } = app.platform.person
  const { id } = await world.deps.database.knex('deliveries').whereNotNull('key_id').first('id')
  const path = `/platform/apps/${app.id}/deliveries/${id}`
  await browser.submit((await until(browser, path, 'Delivered')).form('Redeliver'))
  assert.equal((await app.receiver.waitFor('managed_key.created', 2)).raw, first.raw)
  const list = await browser.get(`/platform/apps/${app.id}?show=failed`)
  assert.doesNotMatch(list.text, new RegExp(id))

  await app.receiver.rotateEncryptionKey()
  const { client } = await world.deps.database.knex('apps').where({ id: app.id }).first('client')
  const changed = JSON.stringify({ ...JSON.parse(client), jwks: app.receiver.publicJwks() })
  await world.deps.database.knex('apps').where({ id: app.id }).update({ client: changed })
  const refused = await browser.submit((await until(browser, path, 'Redeliver</button>')).form('Redeliver'))
  assert.equal(refused.status, 409)
  assert.match(refused.text, /Nothing was sent\..*sealed for a public key that the app no longer has.*Rotate the key/s)
})

test('secrets: each is shown once; the old webhook secret also signs, the old client secret is refused at once', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const { browser } = app.platform.person
  const path = `/platform/apps/${app.id}`
  const page = await browser.get(path)
  assert.doesNotMatch(page.text, new RegExp(`${app.registered.client_secret}|${app.registered.webhook_secret}`))
  const webhook = secretIn((await browser.submit(page.form('Rotate'))).text)
  assert.match(webhook, /^whsec_/)
  await browser.post(`${path}/test`)
  assert.equal((await app.receiver.waitFor('ping')).verified, true) // by the old secret
  app.receiver.secret = webhook
  await browser.post(`${path}/test`)
  assert.equal((await app.receiver.waitFor('ping', 2)).verified, true)
  assert.match((await browser.get(path)).text, /also signs, and stops in 24 hours/)

  const before = await oauth.clientCredentialsGrant(app.client)
  assert.ok(before.access_token)
  const secret = secretIn((await browser.submit(page.form('Replace secret'))).text)
  await assert.rejects(oauth.clientCredentialsGrant(app.client), { code: 'OAUTH_WWW_AUTHENTICATE_CHALLENGE' })
  const renewed = await oauth.discovery(new URL(world.url), app.id, secret, undefined, {
    execute: [oauth.allowInsecureRequests],
  })
  assert.ok((await oauth.clientCredentialsGrant(renewed)).access_token)
  for (const page of [path, '/activity', '/platform']) {
    const { text } = await browser.get(page)
    assert.ok(!text.includes(secret) && !text.includes(webhook), page)
  }
  const log = await logOf(world, app.platform.person.accountId)
  assert.ok(log.includes('app.webhook_secret_rotated') && log.includes('app.client_secret_replaced'))
})

test('an installation can be suspended and resumed on the app’s page; both logs have it', async () => {
  await using world = await createWorld()
  const app = await world.app()
  const person = await world.person({ accountName: 'Harbor & Sons' })
  await world.install(person, app)
  const { key } = await app.receiver.waitFor('managed_key.created')
  const { browser } = app.platform.person
  const path = `/platform/apps/${app.id}`
  const page = await browser.get(path)
  assert.match(page.text, /1 live, 0 test/)
  assert.match(page.text, /Harbor &amp; Sons/)
  for (let press = 0; press < 2; press += 1) await browser.submit(page.form('Suspend installation'))
  assert.equal((await world.verify(key ?? ''))['code'], 'suspended')
  const suspended = await browser.get(path)
  assert.match(suspended.text, /suspended by you/)
  await browser.submit(suspended.form('Resume'))
  assert.equal((await world.verify(key ?? ''))['valid'], true)
  for (const { accountId } of [person, app.platform.person]) {
    const log = await logOf(world, accountId)
    assert.equal(log.filter(what => /installation\.(suspended|resumed)/.test(what)).length, 2)
  }
})

test('a draft is submitted for review once; pending versions show their changes', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app({ draft: true })
  const { browser } = app.platform.person
  const path = `/platform/apps/${app.id}`
  const page = await browser.get(path)
  assert.match(page.text, />Draft</)
  assert.equal((await browser.submit(page.form('Submit for review'))).status, 303)
  assert.match((await browser.get(path)).text, />In review</)
  const twice = await browser.submit(page.form('Submit for review'))
  assert.equal(twice.status, 409)
})

test('the delivery log has filters and pages', async () => {
  await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '3600' } })
  const app = await world.app()
  const { browser } = app.platform.person
  for (let count = 0; count < 22; count += 1) await browser.post(`/platform/apps/${app.id}/test`)
  await world.deliver()
  await world.install(await world.person(), app)
  app.receiver.behave({ status: 500 })
  await world.deliver()
  const path = `/platform/apps/${app.id}`
  const first = await browser.get(path)
  const [, older = ''] = /href="([^"]+)">Older deliveries/.exec(first.text) ?? []
  const rows = (text: string) => [...text.matchAll(/href="[^"]*\/deliveries\/(dlv_\w+)"/g)].map(([, id]) => id)
  const second = await browser.get(older.replaceAll('&amp;', '&'))
  assert.equal(new Set([...rows(first.text), ...rows(second.text)]).size, 24)
  assert.equal(rows(first.text).length, 20)
  const waiting = await browser.get(`${path}?show=pending`)
  assert.equal(rows(waiting.text).length, 2)
  assert.match(waiting.text, /Next in \d+ minutes/)
  for (const odd of ['?show=%3Cb%3E', '?before=x', '?installations=dlv_1', '?test=nothing', '?test=dlv_0'])
    assert.equal((await browser.get(path + odd)).status, 200, odd)
})
