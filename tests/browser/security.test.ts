import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { TOTP } from 'otpauth'
import type { Browser } from 'playwright-core'
import { axeFaults, leaveChromium, openChromium, takePicture } from '../support/chromium.ts'
import { createWorld, PASSWORD, type World } from '../support/world.ts'

const TOO_WIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

describe('the security page in Chromium', () => {
  let browser: Browser
  let world: World
  before(async () => {
    browser = await openChromium()
    world = await createWorld({ worker: false })
  })
  after(async () => {
    await leaveChromium(browser)
    await world[Symbol.asyncDispose]()
  })

  async function visit({ javaScriptEnabled = true, width = 1280 } = {}) {
    const person = await world.person()
    const context = await browser.newContext({ viewport: { width, height: 900 }, javaScriptEnabled })
    const page = await context.newPage()
    await page.goto(`${world.url}/signin?return_to=/settings/security`)
    await page.getByLabel('Email').fill(person.email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(url => url.pathname === '/settings/security')
    const look = async (name: string) => {
      await takePicture(page, `security-${name}-${width}`)
      assert.equal(await page.locator('h1').count(), 1, `${name} has one heading`)
      if (!javaScriptEnabled) return
      assert.deepEqual(await axeFaults(page), [], name)
      assert.ok((await page.evaluate<number>(TOO_WIDE)) <= 0, `${name} is too wide`)
    }
    return { page, person, look, [Symbol.asyncDispose]: () => context.close() }
  }

  for (const setting of [{ width: 390 }, { width: 1280 }, { width: 1280, javaScriptEnabled: false }])
    test(`sessions and password, with ${JSON.stringify(setting)}`, async () => {
      await using visited = await visit(setting)
      const { page, look, person } = visited
      await look('many')
      await page.getByLabel('Current password').fill('wrong')
      await page.getByLabel('New password').fill('another long sentence')
      await page.getByRole('button', { name: 'Change password' }).focus()
      await page.keyboard.press('Enter')
      await page.getByText('The current password is wrong.').first().waitFor()
      assert.equal(await page.evaluate<string>("document.activeElement.getAttribute('role')"), 'alert')
      await look('wrong')
      await page.getByRole('button', { name: 'Sign out everywhere else' }).click()
      await page.getByRole('status').getByText('Signed out everywhere else.').waitFor()
      await look('one')
      assert.equal((await person.browser.get('/apps')).status, 303)
    })

  for (const setting of [{ width: 390 }, { width: 1280 }, { width: 1280, javaScriptEnabled: false }])
    test(`authenticator app, with ${JSON.stringify(setting)}`, async () => {
      await using visited = await visit(setting)
      const { page, look, person } = visited
      await page.getByRole('button', { name: 'Set up authenticator app' }).click()
      await look('authenticator')
      const secret = (await page.locator('.secret').innerText()).replaceAll(' ', '')
      const code = () => new TOTP({ secret }).generate({ timestamp: world.clock.now() })
      await page.getByLabel('Code', { exact: true }).fill('000000')
      await page.keyboard.press('Enter')
      await page.getByText('This code is wrong.').first().waitFor()
      await look('authenticator-wrong')
      await page.getByLabel('Code', { exact: true }).fill(code())
      await page.getByRole('button', { name: 'Confirm' }).click()
      assert.equal(await page.locator('.recovery-code').count(), 10)
      await look('recovery-codes')
      await page.getByRole('link', { name: 'I have kept them' }).click()
      await page.getByText('10 recovery codes left').waitFor()
      await look('on')
      await page.context().clearCookies()
      world.clock.advance(30_000)
      await page.goto(`${world.url}/signin?return_to=/settings/security`)
      await page.getByLabel('Email').fill(person.email)
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByLabel('Code').waitFor()
      await look('code')
      await page.getByRole('button', { name: 'I do not have my phone' }).click()
      await page.getByLabel('Recovery code').waitFor()
      await look('recovery-code')
      await page.getByRole('button', { name: 'Use the authenticator app' }).click()
      await page.getByLabel('Code').fill(code())
      await page.keyboard.press('Enter')
      await page.waitForURL(url => url.pathname === '/settings/security')
    })

  for (const width of [390, 1280])
    test(`forgot password, ${width} wide`, async () => {
      const context = await browser.newContext({ viewport: { width, height: 900 } })
      const page = await context.newPage()
      await page.goto(`${world.url}/signin`)
      await page.getByRole('link', { name: 'Forgot password?' }).click()
      for (const name of ['forgot', 'forgot-sent']) {
        await page.waitForLoadState()
        await takePicture(page, `security-${name}-${width}`)
        assert.deepEqual(await axeFaults(page), [], name)
        assert.ok((await page.evaluate<number>(TOO_WIDE)) <= 0, name)
        if (name === 'forgot-sent') break
        await page.getByLabel('Email').fill('nobody@example.com')
        await page.getByRole('button', { name: 'Send link' }).click()
        await page.getByRole('heading', { name: 'Look into your mail' }).waitFor()
      }
      await context.close()
    })
})
