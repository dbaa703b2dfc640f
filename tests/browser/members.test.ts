import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { axeFaults, leaveChromium, openChromium, takePicture } from '../support/chromium.ts'
import { join } from '../support/steps.ts'
import { createWorld, PASSWORD, type Person, type World } from '../support/world.ts'

const TOO_WIDE = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'

describe('members in Chromium', () => {
  let browser: Browser
  let world: World
  let owner: Person

  before(async () => {
    browser = await openChromium()
    world = await createWorld({ worker: false })
    owner = await world.person()
    const other = await world.person({ email: 'jonas.weber-oyelaran@accounts.harborbooks.example.com' })
    await join(world, other, owner, 'developer')
    await join(world, owner, other, 'viewer')
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
      assert.ok((await page.evaluate<number>(TOO_WIDE)) <= 0, `${name} is too wide at ${width}`)
    }
    await page.setViewportSize({ width: 1280, height: 900 })
  }

  test('an owner invites, changes a role by keyboard, and is asked before each act', async () => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(`${world.url}/signin`)
    await page.getByLabel('Email').fill(owner.email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('link', { name: 'Members' }).click()
    await look(page, 'members')
    await page.getByLabel('Email').fill(owner.email)
    await page.getByRole('button', { name: 'Send invitation' }).click()
    await page.getByRole('alert').waitFor()
    await look(page, 'members-fault')
    await page.getByLabel('Email').fill('tom@example.com')
    await page.getByRole('button', { name: 'Send invitation' }).press('Enter')
    await page.getByRole('status').filter({ hasText: 'The invitation is on its way.' }).waitFor()
    await look(page, 'members-invited')
    await page.getByRole('button', { name: 'Actions for jonas' }).press('Enter')
    await page.getByRole('link', { name: 'Change role' }).press('Enter')
    await look(page, 'member-role')
    await page.getByLabel('Admin', { exact: true }).check()
    await page.getByRole('button', { name: 'Change role' }).press('Enter')
    await page.getByRole('status').filter({ hasText: 'The role was changed.' }).waitFor()
    await page.getByRole('button', { name: 'Actions for jonas' }).press('Enter')
    await page.getByRole('link', { name: 'Remove' }).click()
    await look(page, 'member-remove')
    const mail = await world.deps.database.knex('mails').where({ recipient: 'tom@example.com' }).first()
    const { path } = (JSON.parse(mail.model) as { link: { path: string } }).link
    await page.goto(world.url + path)
    await look(page, 'invitation-other')
    const stranger = await (await browser.newContext()).newPage()
    await stranger.goto(world.url + path)
    await look(stranger, 'invitation')
    await stranger.getByLabel('Password').fill(PASSWORD)
    await stranger.getByRole('button', { name: 'Accept invitation' }).click()
    await stranger.getByRole('link', { name: 'Members' }).click()
    await look(stranger, 'members-viewer')
  })
})
