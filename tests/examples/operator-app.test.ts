import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createApp } from '../../examples/operator-app/app.ts'
import { CUSTOMERS } from '../../examples/operator-app/customers.ts'
import { createAdminClient } from '../admin-api/admin-client.ts'
import { createBrowserSession } from '../support/browser-session.ts'
import { authorizationUrl } from '../support/oauth-client.ts'
import { createWorld, REDIRECT } from '../support/world.ts'

test('a customer of the operator installs an app, and never sees a password of Latchkey', async t => {
  const shop = createServer()
  await new Promise<void>(resolve => shop.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise(resolve => shop.close(resolve)))
  const shopUrl = `http://127.0.0.1:${(shop.address() as AddressInfo).port}`
  await using world = await createWorld({ env: { SIGN_IN_URL: `${shopUrl}/signin` } })
  const { key: adminKey } = await createAdminClient(world, { scopes: ['sign-in'] })
  shop.on('request', createApp({ host: '127.0.0.1', port: 0, latchkeyUrl: world.url, adminKey }))
  const app = await world.app()
  const [here, there] = [createBrowserSession(world.url), createBrowserSession(shopUrl)]
  const [customer] = CUSTOMERS
  assert.ok(customer)
  const { email, password } = customer

  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT })
  const away = await here.follow(await here.get(request.url.href))
  const login = await there.get(away.location ?? '')
  const wrong = await there.submit(login.form('/signin'), { email, password: 'wrong' })
  assert.equal(wrong.status, 422)
  const link = await there.submit(wrong.form('/signin'), { email, password })
  assert.ok(link.location?.startsWith(`${world.url}/signin/link`), link.text)
  const consent = await here.follow(await here.get(link.location ?? ''))
  assert.match(consent.text, /Lighthouse Toys/)
  const back = await here.follow(await here.submit(consent.form(), { decision: 'install' }))
  assert.ok(back.location?.startsWith(`${REDIRECT}?code=`), back.text)

  assert.match((await there.get('/')).text, /Apps and keys/)
  const menu = await there.get('/apps-and-keys')
  const another = createBrowserSession(world.url)
  const page = await another.get(menu.location ?? '')
  assert.match(page.text, /Nora Vane/)
  await another.submit(page.form('/signin/link'))
  assert.match((await another.get('/apps')).text, /Shipyard Hosting/)
})
