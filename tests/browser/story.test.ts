import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { axeFaults, leaveChromium, openChromium, takePicture } from '../support/chromium.ts'
import { createSampleWorld, type SampleWorld } from '../support/sample-world.ts'
import { PASSWORD } from '../support/world.ts'

/** The folder of page screenshots for people; ignored by git. */

const TOO_WIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

type Visit = AsyncDisposable & { page: Page; faults: string[]; look(name: string): Promise<void> }

describe('in Chromium', () => {
  let browser: Browser
  let samples: SampleWorld
  let people = 0

  before(async () => {
    browser = await openChromium()
  })
  beforeEach(async () => {
    samples = await createSampleWorld()
  })
  afterEach(() => samples[Symbol.asyncDispose]())
  after(() => leaveChromium(browser))

  /** A new person in a new browser, signed up through the page; `look` checks the page that is open. */
  async function visit(
    options: { javaScriptEnabled?: boolean; width?: number; colorScheme?: 'light' | 'dark' } = {},
  ): Promise<Visit> {
    const { javaScriptEnabled = true, width = 1280, colorScheme = 'light' } = options
    const context: BrowserContext = await browser.newContext({
      viewport: { width, height: 900 },
      javaScriptEnabled,
      colorScheme,
    })
    const page = await context.newPage()
    const faults: string[] = []
    page.on('console', message => message.type() === 'error' && faults.push(`${page.url()}: ${message.text()}`))
    page.on('pageerror', error => faults.push(`${page.url()}: ${error.message}`))
    people += 1
    const look = async (name: string) => {
      await takePicture(page, `${name}-${width}-${colorScheme}`)
      assert.equal(await page.locator('h1').count(), 1, `${name} has one heading`)
      if (!javaScriptEnabled) return
      assert.deepEqual(await axeFaults(page), [], name)
      const overflow = await page.evaluate<number>(TOO_WIDE)
      assert.ok(overflow <= 0, `${name} is ${overflow}px too wide`)
    }
    await page.goto(`${samples.world.url}/signup`)
    await look('sign-up')
    await page.getByLabel('Account name').fill('Harbor Books')
    await page.getByLabel('Email').fill(`visitor${people}@example.com`)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.waitForURL('**/marketplace')
    return { page, faults, look, [Symbol.asyncDispose]: () => context.close() }
  }

  async function installShipyard({ page, look }: Visit): Promise<void> {
    await page.goto(`${samples.world.url}/marketplace`)
    await look('marketplace')
    await page.getByRole('link', { name: 'Shipyard Hosting' }).click()
    await page.getByRole('heading', { name: 'Shipyard Hosting', level: 1 }).waitFor()
    await look('listing')
    await page.getByRole('button', { name: 'Install' }).click()
    await page.getByRole('heading', { name: 'Install Shipyard Hosting' }).waitFor()
    await look('consent')
    await page.getByRole('button', { name: 'Install app' }).click()
    await page.waitForURL(`${samples.platformUrl}/**`)
  }

  for (const options of [
    { width: 1280 },
    { width: 390, colorScheme: 'dark' as const },
    { width: 1280, javaScriptEnabled: false },
  ]) {
    test(`the whole story, ${JSON.stringify(options)}: install, use, uninstall, install again, expire`, async () => {
      await using visitor = await visit(options)
      const { page, look } = visitor
      const { world, platformUrl } = samples

      await installShipyard(visitor)
      await page.getByText('Active').first().waitFor()
      while ((await page.getByRole('button', { name: 'Call the API' }).count()) === 0) await page.goto(platformUrl)
      await page.getByRole('button', { name: 'Call the API' }).first().click()
      await page.getByRole('heading', { name: 'The API answered 200 OK' }).waitFor()

      await page.goto(`${world.url}/apps`)
      await look('installed-apps')
      await page.getByRole('link', { name: 'Shipyard Hosting' }).click()
      await page.getByRole('link', { name: 'Uninstall' }).waitFor()
      await look('installation')

      await page.goto(`${world.url}/keys`)
      await look('keys')
      assert.ok(await page.getByText('Just now').first().isVisible(), 'the page shows the use of the key')

      await page.goto(`${world.url}/apps`)
      await page.getByRole('link', { name: 'Shipyard Hosting' }).click()
      await page.getByRole('link', { name: 'Uninstall' }).click()
      await page.getByRole('heading', { name: 'Uninstall Shipyard Hosting?' }).waitFor()
      await look('uninstall')
      for (const name of ['Expire keys now', 'Keep keys active', 'Keep until']) {
        assert.equal(await page.getByRole('radio', { name }).isChecked(), false, `${name} is not preselected`)
      }
      await page.getByRole('radio', { name: 'Keep keys active' }).check()
      await page.getByRole('button', { name: 'Uninstall app' }).click()
      await page.getByRole('heading', { name: 'Shipyard Hosting is uninstalled' }).waitFor()
      await look('uninstalled')

      await page.goto(`${platformUrl}/connect`)
      await page.getByRole('heading', { name: 'Install Shipyard Hosting' }).waitFor()
      await page.getByRole('radio', { name: 'Leave it active' }).check()
      await look('consent-kept')
      await page.getByRole('button', { name: 'Install app' }).click()
      await page.waitForURL(`${platformUrl}/**`)

      await page.goto(`${world.url}/keys`)
      await look('keys-kept')
      await page
        .getByRole('button', { name: /^Actions for/ })
        .last()
        .click()
      await page.getByRole('link', { name: 'Expire' }).click()
      await look('expire-key')
      await page.getByRole('button', { name: 'Expire key' }).click()
      await page.getByRole('status').filter({ hasText: 'has expired' }).waitFor()

      await page.goto(`${world.url}/activity`)
      await look('activity')
      await page.goto(`${platformUrl}/connect`)
      await page.getByRole('heading', { name: 'is installed already' }).waitFor()
      await look('installed-already')
      await page.getByRole('button', { name: 'Continue' }).click()
      await page.waitForURL(`${platformUrl}/**`)
      assert.deepEqual(visitor.faults, [])
    })
  }

  test('an install from the marketplace shows the delivery of the key and ends at the platform', async () => {
    await using visitor = await visit()
    const { page, look, faults } = visitor
    await page.getByRole('link', { name: 'Ledgerlift' }).click()
    await page.getByRole('button', { name: 'Install' }).click()
    await page.getByRole('button', { name: 'Install app' }).click()
    await page.getByRole('heading', { name: 'Ledgerlift is installed' }).waitFor() // the page reloads by itself
    await look('installing-done')
    await page.getByRole('link', { name: 'Continue to Ledgerlift' }).waitFor()
    assert.deepEqual(faults, [])
  })

  test('a double click installs once', async () => {
    await using visitor = await visit()
    const { page } = visitor
    await page.goto(`${samples.platformUrl}/connect`)
    await page.getByRole('button', { name: 'Install app' }).dblclick()
    await page.waitForURL(url => url.origin === samples.platformUrl || url.pathname.startsWith('/apps/'))
    await page.goto(`${samples.world.url}/apps`)
    assert.equal(await page.getByRole('link', { name: 'Shipyard Hosting' }).count(), 1)
    await page.goto(`${samples.world.url}/keys`)
    assert.equal(await page.getByRole('button', { name: /^Actions for/ }).count(), 2)
  })

  test('Cancel returns to the platform and leaves nothing behind', async () => {
    await using visitor = await visit()
    const { page, look } = visitor
    await page.goto(`${samples.platformUrl}/connect`)
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.waitForURL(`${samples.platformUrl}/**`)
    await page.getByText('Not connected').first().waitFor()
    await page.goto(`${samples.world.url}/apps`)
    await look('installed-apps-empty')
    assert.equal(await page.getByRole('link', { name: 'Shipyard Hosting' }).count(), 0)
  })

  test('a refused form keeps what was typed and focuses the error', async () => {
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(`${samples.world.url}/signin`)
    await page.getByLabel('Email').fill('nobody@example.com')
    await page.getByLabel('Password').fill('not the password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('alert').waitFor()
    assert.match(await page.title(), /^Error:/)
    assert.equal(await page.getByLabel('Email').inputValue(), 'nobody@example.com')
    assert.equal(await page.evaluate('document.activeElement.getAttribute("role")'), 'alert')
    assert.deepEqual(await axeFaults(page), [])
    await takePicture(page, 'sign-in-refused')
    await context.close()
  })

  test('a stranger’s page is the same as for an unknown id', async () => {
    await using visitor = await visit()
    const { page, look } = visitor
    await page.goto(`${samples.world.url}/apps/ins_${'0'.repeat(26)}`)
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor()
    await look('error')
  })
})
