import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { leaveChromium, openChromium } from '../support/chromium.ts'
import { type Hops, startHops } from '../support/hops.ts'
import { authorizationUrl, exchangeCode } from '../support/oauth-client.ts'
import { createWorld, PASSWORD, type Person, type PublishedApp, type World } from '../support/world.ts'

/** Every form of ours that leads to another origin, with and without scripts. */
describe('redirect chains in Chromium', () => {
  let browser: Browser
  let world: World
  let app: PublishedApp
  let hops: Hops
  let sixth: Hops
  let stolen: Hops

  before(async () => {
    ;[browser, world] = [await openChromium(), await createWorld({ worker: false })]
    hops = await startHops(['127.0.0.1', 'localhost', '127.0.0.1'])
    sixth = await startHops(['[::1]', '127.0.0.1'])
    stolen = await startHops(['127.0.0.1'])
    const install_uri = hops.start.replace('/callback', '/start?from=market')
    app = await world.app({ metadata: { redirect_uris: [hops.start, sixth.start], install_uri } })
  })
  after(async () => {
    await leaveChromium(browser)
    for (const chain of [hops, sixth, stolen]) await chain[Symbol.asyncDispose]()
    await world[Symbol.asyncDispose]()
  })

  async function open(javaScriptEnabled: boolean, person?: Person): Promise<Page> {
    const context = await browser.newContext({ javaScriptEnabled })
    const value = person?.browser.cookie('latchkey')
    if (value) await context.addCookies([{ name: 'latchkey', value, url: world.url, sameSite: 'Lax' }])
    return await context.newPage()
  }

  const request = (redirectUri = hops.start, extra: Record<string, string> = {}) =>
    authorizationUrl(app.client, { redirectUri, extra })

  async function press(page: Page, button: string, end = hops.end): Promise<void> {
    await page.getByRole('button', { name: button }).click()
    await page.waitForURL(`${end}**`, { timeout: 10_000 })
    await page.getByRole('heading', { name: 'Dashboard' }).waitFor()
  }

  for (const scripts of [true, false]) {
    const how = scripts ? 'with scripts' : 'without scripts'

    test(`${how}: Install app, Continue and Cancel follow a callback that redirects twice across origins`, async () => {
      const page = await open(scripts, await world.person())
      for (const button of ['Install app', 'Continue', 'Cancel']) {
        const asked = await request()
        await page.goto(asked.url.href)
        await press(page, button)
        const query = hops.visits.at(-1)?.query
        const back = `${hops.start}?${query}`
        if (button === 'Cancel') assert.equal(query?.get('error'), 'access_denied')
        else assert.ok((await exchangeCode(app.client, asked, back)).access_token)
      }
      await page.context().close()
    })

    test(`${how}: a callback at http://[::1] and its redirect are reached`, async () => {
      const page = await open(scripts, await world.person())
      await page.goto((await request(sixth.start)).url.href)
      await press(page, 'Install app', sixth.end)
      assert.ok(sixth.visits.at(-1)?.query.get('code'))
      await page.context().close()
    })

    test(`${how}: Install on the marketplace follows an install_uri that redirects, with its query`, async () => {
      const page = await open(scripts)
      await page.goto(`${world.url}/marketplace`)
      await page.getByRole('link', { name: 'Shipyard Hosting' }).click()
      await press(page, 'Install')
      const { path, query } = hops.visits.at(-1) ?? {}
      assert.deepEqual([path, query?.toString()], ['/start', 'from=market'])
      await page.context().close()
    })

    test(`${how}: sign-in and sign-up follow an authorization request that redirects at once`, async () => {
      const person = await world.person()
      const { url } = await request(hops.start, { mode: 'no such mode' })
      const onward = encodeURIComponent(url.pathname + url.search)
      const [signIn, signUp] = [await open(scripts), await open(scripts)]
      await signIn.goto(`${world.url}/signin?return_to=${onward}`)
      await signIn.getByLabel('Email').fill(person.email)
      await signIn.getByLabel('Password').fill(PASSWORD)
      await press(signIn, 'Sign in')
      assert.equal(hops.visits.at(-1)?.query.get('error'), 'invalid_request')
      await signUp.goto(`${world.url}/signup?return_to=${onward}`)
      await signUp.getByLabel('Account name').fill('Harbor Books')
      await signUp.getByLabel('Email').fill(`new-${scripts}@example.com`)
      await signUp.getByLabel('Password').fill(PASSWORD)
      await press(signUp, 'Create account')
      for (const page of [signIn, signUp]) await page.context().close()
    })

    test(`${how}: response_mode=form_post posts the response, and the browser follows its redirect`, async () => {
      const page = await open(scripts, await world.person())
      for (const button of ['Install app', 'Cancel']) {
        const asked = await request(hops.start, { response_mode: 'form_post' })
        await page.goto(asked.url.href)
        await page.getByRole('button', { name: button }).click()
        if (!scripts) await page.getByRole('button', { name: 'Continue' }).click()
        await page.waitForURL(`${hops.end}**`, { timeout: 10_000 })
        const { method, form } = hops.visits.at(-1) ?? {}
        assert.equal(method, 'POST')
        const tokens = button === 'Install app' && (await exchangeCode(app.client, asked, `${hops.start}?${form}`))
        assert.ok(tokens ? tokens.access_token : form?.get('error') === 'access_denied', String(form))
      }
      await page.context().close()
    })
  }

  test('injected markup cannot redirect a form of ours to another origin', async () => {
    const person = await world.person()
    const markup = [
      `<button form="theirs" formaction="${stolen.start}">Stolen button</button><form id="theirs"></form>`,
      `<form action="${world.url}/oauth/authorize"><button formmethod="get" formaction="${stolen.start}">Stolen way</button></form>`,
      '<base href="https://elsewhere.example/">',
      `<form method="post" action="${stolen.start}">`, // left open, so that it swallows the form of the page
    ].join('')
    const page = await open(false, person)
    await page.route('**', async route => {
      const response = await route.fetch({ maxRedirects: 0 })
      const html = response.headers()['content-type']?.startsWith('text/html')
      const body = html && (await response.text()).replace(/<body.*>/, `$&${markup}`)
      await route.fulfill({ response, ...(body && { body }) })
    })
    await page.goto((await request()).url.href)
    const pages = [
      [page.url(), 'Install app'],
      [`${world.url}/marketplace/shipyard-hosting`, 'Install'],
    ] as const
    for (const [address, own] of pages) {
      for (const name of ['Stolen button', 'Stolen way', own]) {
        await page.goto(address)
        const refused = page.waitForEvent('console', message => message.text().includes('form-action'))
        await page.getByRole('button', { name, exact: true }).click({ noWaitAfter: true })
        await refused
      }
    }
    assert.deepEqual(stolen.visits, [])
    await page.context().close()
  })
})
