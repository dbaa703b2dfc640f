import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { installManaged } from '../key-life/key-steps.ts'
import { axeFaults, leaveChromium, openChromium, takePicture } from '../support/chromium.ts'
import { createWorld, PASSWORD, type World } from '../support/world.ts'

const TOO_WIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

describe('the activity pages in Chromium', () => {
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

  for (const width of [1280, 390]) {
    test(`at ${width}: entries, filter by keyboard, wrong input, no match, export`, async () => {
      const { person } = await installManaged(world)
      const context = await browser.newContext({ viewport: { width, height: 900 }, javaScriptEnabled: true })
      const page = await context.newPage()
      await page.goto(`${world.url}/signin?return_to=/activity`)
      await page.getByLabel('Email').fill(person.email)
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Sign in' }).click()
      const look = async (name: string) => {
        await takePicture(page, `${name}-${width}`)
        assert.deepEqual(await axeFaults(page), [], name)
        assert.ok((await page.evaluate<number>(TOO_WIDE)) <= 0, `${name} is too wide`)
      }
      await page.getByRole('rowheader', { name: /installed Shipyard Hosting in live mode/ }).waitFor()
      await look('activity-entries')
      await page.getByLabel('Object ID').fill('web server')
      await page.getByLabel('Object ID').press('Enter')
      await page.getByRole('alert').waitFor()
      await look('activity-faults')
      await page.getByLabel('Object ID').fill('')
      await page.getByLabel('What').selectOption('Keys')
      await page.getByRole('button', { name: 'Filter' }).press('Enter')
      await page.getByRole('heading', { name: 'No entries match' }).waitFor()
      await look('activity-none')
      await page.getByRole('link', { name: 'Show all entries' }).click()
      await page.getByRole('button', { name: 'Export' }).press('Enter')
      const download = page.waitForEvent('download')
      await page.getByRole('button', { name: 'As CSV' }).press('Enter')
      assert.match((await download).suggestedFilename(), /^activity-\d{4}-\d\d-\d\d\.csv$/)
      await context.close()
    })
  }
})
