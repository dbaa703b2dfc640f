import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSignInLink, HAND_OVER_LIFE } from '../../server/accounts/sign-in-links.ts'
import { axeFaults, leaveChromium, openChromium, takePicture } from '../support/chromium.ts'
import { createWorld } from '../support/world.ts'

test('the sign-in page without passwords and the page of a link: wide and narrow, by keyboard, without a violation', async () => {
  await using world = await createWorld({
    worker: false,
    env: {
      SIGN_IN_URL: 'https://shop.example.com/signin',
      IDENTITY_ISSUER: 'https://id.example.com',
      IDENTITY_CLIENT_ID: 'latchkey',
      IDENTITY_CLIENT_SECRET: 'a word',
      IDENTITY_NAME: 'Northwind',
    },
  })
  const { userId, accountId } = await world.person()
  const { url } = await world.deps.database.transaction(tx =>
    createSignInLink(tx, world.deps, { userId, accountId, life: HAND_OVER_LIFE }),
  )
  const browser = await openChromium()
  try {
    for (const [width, follows] of [
      [390, false],
      [1280, true],
    ] as const) {
      const context = await browser.newContext({ viewport: { width, height: 800 } })
      const page = await context.newPage()
      for (const [name, address] of [
        ['sign-in-elsewhere', `${world.url}/signin`],
        ['sign-in-link', url],
      ] as const) {
        await page.goto(address)
        assert.deepEqual(await axeFaults(page), [], `${name} at ${width}`)
        const wide = await page.evaluate('document.documentElement.scrollWidth')
        assert.ok(Number(wide) <= width, `${name} scrolls at ${width}`)
        await takePicture(page, `${name}-${width}`)
      }
      if (follows) {
        await page.getByRole('button', { name: 'Continue' }).focus()
        await page.keyboard.press('Enter')
        await page.waitForURL(`${world.url}/marketplace`)
      }
      await context.close()
    }
  } finally {
    await leaveChromium(browser)
  }
})
