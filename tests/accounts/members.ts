import assert from 'node:assert/strict'
import type { BrowserSession } from '../support/browser-session.ts'
import { rowsOf } from '../support/steps.ts'
import type { Person, World } from '../support/world.ts'

/** Mails that wait, the oldest first. */
export async function mailsTo(world: World, recipient: string): Promise<{ subject: string; path: string }[]> {
  const rows = await world.deps.database.knex('mails').where({ recipient }).orderBy('id')
  return rows.map(({ model }) => {
    const { subject, link } = JSON.parse(model) as { subject: string; link: { path: string } }
    return { subject, path: link.path }
  })
}

/** *Send invitation*; returns the path of the link in the mail. */
export async function invite(world: World, by: { browser: BrowserSession }, email: string, role = 'viewer') {
  const page = await by.browser.get('/settings/members')
  const sent = await by.browser.submit(page.form('Send invitation'), { email, role })
  assert.equal(sent.status, 303, sent.text.slice(0, 2_000))
  return (await mailsTo(world, email)).at(-1)?.path ?? ''
}

/** The role that a person has now; undefined for a stranger. */
export async function roleIn(world: World, of: Person, person: Person): Promise<unknown> {
  const [row] = await rowsOf(world, 'memberships', { account_id: of.accountId, user_id: person.userId })
  return row?.['role']
}
