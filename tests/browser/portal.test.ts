import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { axeFaults, leaveChromium, openChromium, takePicture } from '../support/chromium.ts'
import { createWorld, PASSWORD, type PublishedApp, REDIRECT, type World } from '../support/world.ts'

/** The folder of page screenshots for people; ignored by git. */
const TOO_WIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

describe('the portal in Chromium', () => {
  let browser: Browser
  let world: World
  let app: PublishedApp

  before(async () => {
    browser = await openChromium()
    world = await createWorld({ env: { BRAND_NAME: 'Northwind Pay' } })
    app = await world.app()
    await world.install(await world.person(), app)
    await app.receiver.waitFor('managed_key.created')
  })
  after(async () => {
    await leaveChromium(browser)
    await world[Symbol.asyncDispose]()
  })

  async function look(page: Page, name: string): Promise<void> {
    for (const [width, colorScheme] of [
      [1280, 'light'],
      [390, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme })
      await takePicture(page, `${name}-${width}-${colorScheme}`)
      assert.deepEqual(await axeFaults(page), [], `${name} at ${width}`)
      const overflow = await page.evaluate<number>(TOO_WIDE)
      assert.ok(overflow <= 0, `${name} is ${overflow}px too wide at ${width}`)
    }
    assert.equal(await page.locator('h1').count(), 1, `${name} has one heading`)
    await page.setViewportSize({ width: 1280, height: 900 })
  }

  async function signIn(email: string): Promise<{ page: Page; faults: string[] }> {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage()
    const faults: string[] = []
    page.on('console', message => {
      const refusedForm = message.text().includes('422') // Chromium logs every 422 as an error
      if (message.type() === 'error' && !refusedForm) faults.push(`${page.url()}: ${message.text()}`)
    })
    page.on('pageerror', error => faults.push(`${page.url()}: ${error.message}`))
    await page.goto(`${world.url}/signin`)
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('link', { name: 'Your apps' }).click()
    await page.getByRole('heading', { name: 'Your apps', level: 1 }).waitFor()
    return { page, faults }
  }

  test('a publisher sends a test delivery, inspects it, rotates a secret, suspends and resumes', async () => {
    const { page, faults } = await signIn(app.platform.person.email)
    await look(page, 'platform-home')
    await page.getByRole('link', { name: 'Shipyard Hosting' }).click()
    await page.getByRole('button', { name: 'Send test delivery' }).click()
    await page.getByRole('status').filter({ hasText: 'Test delivery acknowledged.' }).waitFor() // the page reloads by itself
    await look(page, 'platform-app')
    await page.getByRole('button', { name: /^Suspend ins_/ }).click()
    await look(page, 'platform-app-suspend')
    await page.getByRole('button', { name: 'Suspend installation' }).click()
    await page.getByText('suspended by you').waitFor()
    await page.getByRole('button', { name: /^Resume ins_/ }).click()
    await page.getByRole('button', { name: /^Suspend ins_/ }).waitFor()
    await page.getByRole('button', { name: 'Rotate webhook secret' }).click()
    await page.getByRole('textbox', { name: 'Webhook secret' }).waitFor()
    await look(page, 'secret-once')
    await page.getByRole('link', { name: 'I have saved it' }).click()
    await page.getByRole('link', { name: 'managed_key.created' }).click()
    await page.getByRole('button', { name: 'Redeliver' }).waitFor()
    await look(page, 'platform-delivery')
    assert.deepEqual(faults, [])
  })

  test('an account becomes a publisher: a token, a form, an app, and a first test delivery', async () => {
    const person = await world.person()
    const { page, faults } = await signIn(person.email)
    await look(page, 'platform-begin')
    await page.getByLabel('Publisher name').fill('Kite & Crane')
    await page.getByRole('button', { name: 'Start publishing' }).click()
    await page.getByRole('textbox', { name: 'Registration token' }).waitFor()
    await look(page, 'platform-token')
    await page.getByRole('link', { name: 'I have saved it' }).click()
    await page.getByRole('button', { name: 'Make new token' }).waitFor()

    const receiver = await world.receiver()
    await page.getByRole('link', { name: 'Register app' }).click()
    await page.getByLabel('Tagline').press('Enter')
    await page.getByRole('link', { name: 'App name must not be empty' }).click()
    await look(page, 'register-app')
    await page.getByLabel('App name').fill('Kite')
    await page.getByLabel('Redirect address').fill(REDIRECT)
    await page.getByLabel('Key delivery address').fill(receiver.url)
    await page.getByLabel('Public keys address').fill(receiver.jwksUrl)
    await page.getByRole('checkbox', { name: 'charges:read' }).check()
    await page.getByLabel('Reason for charges:read').fill('To show today’s takings.')
    await page.getByRole('button', { name: 'Register app' }).click()
    await page.getByRole('heading', { name: 'Kite is registered' }).waitFor()
    await look(page, 'app-registered')
    receiver.secret = await page.getByRole('textbox', { name: 'Webhook secret' }).inputValue()
    await page.getByRole('link', { name: 'I have saved it' }).click()
    await page.getByRole('button', { name: 'Send test delivery' }).click()
    await page.getByRole('status').filter({ hasText: 'Test delivery acknowledged.' }).waitFor()
    assert.deepEqual(faults, [])
  })
})
