import assert from 'node:assert/strict'
import { announce } from '../../db/changes.ts'
import type { Tx } from '../../db/connect.ts'
import type { Role } from '../../server/accounts/account-store.ts'
import type { Answer, BrowserSession, Fields } from './browser-session.ts'
import { type AuthorizationRequest, authorizationUrl, exchangeCode } from './oauth-client.ts'
import { installationOf, type Person, type PublishedApp, REDIRECT, type World } from './world.ts'

export type Row = Record<string, unknown>
export type Asked = { request: AuthorizationRequest; page: Answer }

/** Follows the platform's link to the consent page. */
export async function askConsent(
  person: Pick<Person, 'browser'>,
  app: PublishedApp,
  parameters: { scope?: string; extra?: Record<string, string> } = {},
): Promise<Asked> {
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT, ...parameters })
  const page = await person.browser.follow(await person.browser.get(request.url.href))
  return { request, page }
}

/** Presses a button of the consent page; returns the page, or the redirect back to the platform. */
export async function press(
  { browser }: Pick<Person, 'browser'>,
  page: Answer,
  decision: 'install' | 'continue' | 'cancel',
  fields: Fields = {},
): Promise<Answer> {
  return await browser.follow(await browser.submit(page.form('/interaction/'), { decision, ...fields }))
}

/** Exchanges the code in the redirect that the browser came back with. */
export async function tokensFrom(app: PublishedApp, request: AuthorizationRequest, back: Answer) {
  assert.ok(back.location?.startsWith(REDIRECT), `${back.status} ${back.location} ${back.text.slice(0, 2_000)}`)
  return installationOf(await exchangeCode(app.client, request, back.location ?? ''))
}

/** Submits the uninstall form. */
export async function uninstall(
  { browser }: Pick<Person, 'browser'>,
  id: string,
  fields: Fields = { keys: 'expire' },
): Promise<Answer> {
  return await browser.submit((await browser.get(`/apps/${id}/uninstall`)).form('/uninstall'), fields)
}

/** Changes rows directly in the database and announces it, so that no process keeps an old copy. */
export async function changeRows(world: World, work: (tx: Tx) => Promise<unknown>): Promise<void> {
  await world.deps.database.transaction(async tx => {
    await work(tx)
    announce(tx, 'anything')
  })
}

export async function rowsOf(world: World, table: string, where: Row = {}): Promise<Row[]> {
  return await world.deps.database.knex(table).where(where)
}

/** The number of rows in each table that an install writes to. */
export async function countMade(world: World): Promise<Record<string, number>> {
  const tables = ['installations', 'keys', 'events', 'deliveries', 'activity', 'oauth_grants']
  return Object.fromEntries(
    await Promise.all(tables.map(async table => [table, (await rowsOf(world, table)).length] as const)),
  )
}

export async function join(world: World, person: Person, of: Person, role: Role): Promise<void> {
  await world.deps.database.knex('memberships').insert({
    account_id: of.accountId,
    user_id: person.userId,
    role,
    created_at: world.clock.now(),
  })
}

/** Switches what a person looks at to the account of another. */
export async function switchTo({ browser }: Pick<Person, 'browser'>, of: Pick<Person, 'accountId'>): Promise<void> {
  await browser.post('/account', { account: of.accountId })
}

export async function changeRole(world: World, person: Person, role: Role): Promise<void> {
  const where = { account_id: person.accountId, user_id: person.userId }
  assert.equal(await world.deps.database.knex('memberships').where(where).update({ role }), 1)
}

/** Stops the clock at one millisecond. */
export function stopClock(world: World, at: number): void {
  world.clock.now = () => at
}

/** The entries in the log of an account, oldest first. */
export async function activityOf(world: World, accountId: string): Promise<string[]> {
  const rows = await world.deps.database.knex('activity').where({ account_id: accountId }).orderBy('number')
  return rows.map(row => String(row.what))
}

/** The plaintext of every key that reached the receiver, oldest first. */
export function keysAt({ receiver }: PublishedApp): string[] {
  return [...new Set(receiver.events.flatMap(({ key }) => key ?? []))]
}

/** The plaintext of the only key that reached the receiver. */
export function keyAt(app: PublishedApp): string {
  const [key, ...others] = keysAt(app)
  assert.ok(key, `no key arrived: ${app.receiver.attempts.map(({ event }) => event?.faults.join('; ')).join(', ')}`)
  assert.deepEqual(others, [])
  return key
}

/** The text of a page as a person reads it. */
export function textOf({ text }: Answer): string {
  return text
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replaceAll(/\s+/g, ' ')
}

/** A page without its request id. */
export function withoutRequestId(text: string): string {
  return text.replaceAll(/\breq_[0-9a-z]{26}\b/g, 'req_…')
}

export type { BrowserSession }
