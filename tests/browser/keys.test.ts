import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { installManaged } from '../key-life/key-steps.ts'
import { brokenWords } from '../support/broken-words.ts'
import { axeFaults, leaveChromium, openChromium, takePicture } from '../support/chromium.ts'
import { createWorld, PASSWORD, type World } from '../support/world.ts'

const TOO_WIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

describe('the keys pages in Chromium', () => {
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
    const { person, key } = await installManaged(world)
    await world.verify(key, { ip: '203.0.113.7' })
    const context = await browser.newContext({ viewport: { width, height: 900 }, javaScriptEnabled })
    await context.grantPermissions(['clipboard-read', 'clipboard-write'])
    const page = await context.newPage()
    const faults: string[] = []
    page.on(
      'console',
      message =>
        message.type() === 'error' && !/status of (409|422)/.test(message.text()) && faults.push(message.text()),
    )
    page.on('pageerror', error => faults.push(error.message))
    await page.goto(`${world.url}/signin`)
    await page.getByLabel('Email').fill(person.email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.waitForURL(url => url.pathname !== '/signin')
    const look = async (name: string) => {
      await takePicture(page, `${name}-${width}`)
      assert.equal(await page.locator('h1').count(), 1, `${name} has one heading`)
      if (!javaScriptEnabled) return
      if (width === 1280) assert.deepEqual(await axeFaults(page), [], name) // on a phone only the width is checked; axe sees the same page
      assert.ok((await page.evaluate<number>(TOO_WIDE)) <= 0, `${name} is too wide`)
    }
    return { page, look, faults, [Symbol.asyncDispose]: () => context.close() }
  }

  const menu = async (page: Page, key: string, act: string) => {
    await page
      .getByRole('button', { name: `Actions for ${key}` })
      .first()
      .click()
    await page.getByRole('link', { name: act, exact: true }).click()
  }

  test('tables wrap no email, permission or redacted key, beside a long app name', async () => {
    const person = await world.person({ email: 'accounting@harborbooks.example' })
    const name = 'International Payment Reconciliation Assistant'
    await world.install(person, await world.app({ metadata: { client_name: name } }))
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    const page = await context.newPage()
    await page.goto(`${world.url}/signin?return_to=/keys`)
    await page.getByLabel('Email').fill(person.email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('table').getByText(name).first().waitFor()
    assert.deepEqual(await brokenWords(page), [])
    await page.goto(`${world.url}/activity`)
    await page.getByRole('table').getByText(person.email).first().waitFor()
    const broken = await brokenWords(page)
    assert.deepEqual(
      broken.filter(word => word.includes('@')),
      [],
    )
    await context.close()
  })

  for (const { name, ...options } of [
    { name: 'on a desk', width: 1280, javaScriptEnabled: true },
    { name: 'on a phone', width: 390, javaScriptEnabled: true },
    { name: 'without script', width: 1280, javaScriptEnabled: false },
  ]) {
    test(`${name}: create, copy, edit, rotate, freeze, unfreeze and expire a restricted key`, async () => {
      await using visitor = await visit(options)
      const { page, look } = visitor
      const script = options.javaScriptEnabled
      await page.goto(`${world.url}/keys`)
      await page.getByRole('link', { name: 'Create restricted key' }).click()
      await look('key-create')
      await page.getByLabel('Allowed addresses').fill('203.0.113.0/24\nnowhere\n0.0.0.0/0')
      await page.getByLabel('Live', { exact: true }).check()
      await page.getByRole('button', { name: 'Create key' }).click()
      await page.getByRole('alert').waitFor()
      await look('key-create-refused')
      assert.equal(await page.evaluate('document.activeElement.getAttribute("role")'), 'alert')
      assert.equal(await page.getByLabel('Live', { exact: true }).isChecked(), true)
      await page.getByLabel('Name', { exact: true }).fill('Month-end export')
      await page.getByLabel('charges:read').check()
      await page.getByLabel('payouts:read').check()
      await page.getByLabel('Allowed addresses').fill('203.0.113.0/24')
      if (script) await page.getByRole('button', { name: 'Create key' }).dblclick()
      else await page.getByRole('button', { name: 'Create key' }).click()
      await page.getByRole('heading', { name: 'Copy your new key now' }).waitFor()
      const key = await page.getByLabel('Month-end export').inputValue()
      assert.match(key, /^lkr_live_[0-9A-Za-z]{38}$/)
      assert.equal((await world.verify(key, { ip: '203.0.113.7' }))['valid'], true)
      const copy = page.getByRole('button', { name: 'Copy' })
      assert.equal(await copy.isVisible(), script)
      if (script) {
        await copy.click()
        await page.getByRole('button', { name: 'Copied' }).waitFor()
        assert.equal(await page.evaluate('navigator.clipboard.readText()'), key)
      }
      await page.getByText('Try it').click()
      await look('key-created')
      await page.getByRole('link', { name: 'I have saved it' }).click()
      assert.equal(
        await page.getByRole('button', { name: 'Actions for Month-end export' }).count(),
        1,
        'a double click creates one',
      )
      await look('keys-both')

      await menu(page, 'Month-end export', 'Edit')
      await look('key-edit')
      await page.getByLabel('Name', { exact: true }).fill('Quarter-end export')
      await page.getByRole('button', { name: 'Save changes' }).click()
      await page.getByRole('status').filter({ hasText: 'Quarter-end export was saved.' }).waitFor()

      await menu(page, 'Quarter-end export', 'Freeze')
      await look('key-freeze')
      await page.getByRole('button', { name: 'Freeze key' }).click()
      await look('key-freeze-refused')
      await page.getByLabel('7 days').check()
      await page.getByRole('button', { name: 'Freeze key' }).click()
      await page.getByRole('status').filter({ hasText: 'is frozen' }).waitFor()
      await look('keys-frozen')
      await menu(page, 'Quarter-end export', 'Unfreeze')
      await look('key-unfreeze')
      await page.getByRole('button', { name: 'Unfreeze key' }).click()
      await page.getByRole('status').filter({ hasText: 'works again' }).waitFor()

      await menu(page, 'Quarter-end export', 'Rotate')
      await look('key-rotate')
      await page.getByRole('button', { name: 'Rotate key' }).click()
      await page.getByRole('heading', { name: 'Copy your new key now' }).waitFor()
      await look('key-rotated')
      await page.goto(`${world.url}/keys?platform=you&status=expiring`)
      await menu(page, 'Quarter-end export', 'Rotate')
      await look('key-rotate-again')
      await page.getByRole('link', { name: 'Cancel' }).click()
      await page.getByLabel('Managed by').selectOption({ label: 'Members' })
      await page.getByRole('button', { name: 'Filter' }).click()
      assert.equal(await page.getByRole('button', { name: 'Actions for default' }).count(), 0)
      await menu(page, 'Quarter-end export', 'Expire')
      await look('key-expire')
      await page.getByRole('button', { name: 'Expire key' }).click()
      await page.getByRole('status').filter({ hasText: 'has expired' }).waitFor()

      await menu(page, 'default', 'Edit')
      await look('key-edit-managed')
      assert.deepEqual(visitor.faults, [])
    })
  }
})
