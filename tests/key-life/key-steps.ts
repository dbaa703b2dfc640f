import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tx } from '../../db/connect.ts'
import type { Answer, Fields } from '../support/browser-session.ts'
import { keyAt, type Row, rowsOf } from '../support/steps.ts'
import type { Person, World } from '../support/world.ts'

export const DAY = 86_400_000

/** The default input of a member. */
export const FILLED: Fields = { name: 'Month-end export', mode: 'live', permissions: ['charges:read', 'payouts:read'] }

/** Submits the form *Create restricted key*. */
export async function sendKeyForm({ browser }: Pick<Person, 'browser'>, fields: Fields = {}): Promise<Answer> {
  return await browser.submit((await browser.get('/keys/new')).form('Create key'), { ...FILLED, ...fields })
}

/** The plaintext that a page shows. */
export function shownKey({ text }: Answer): string {
  return /<textarea id="key"[^>]*>\s*([a-z]+r_(?:live|test)_[0-9A-Za-z]{38})<\/textarea>/.exec(text)?.[1] ?? ''
}

/** Makes a restricted key; returns its plaintext and its row. */
export async function makeKey(world: World, person: Person, fields: Fields = {}) {
  const answer = await sendKeyForm(person, fields)
  assert.equal(answer.status, 201, answer.text.slice(0, 3_000))
  const key = shownKey(answer)
  assert.ok(key, 'the page shows a key')
  const rows = await rowsOf(world, 'keys', { kind: 'restricted' })
  const row = rows.sort((a, b) => (String(a['id']) < String(b['id']) ? 1 : -1))[0] ?? {}
  return { answer, key, row, id: String(row['id']) }
}

export async function keyRow(world: World, id: string): Promise<Row> {
  return (await rowsOf(world, 'keys', { id }))[0] ?? {}
}

/** The latest entry of a kind in an account's log. */
export async function latestAct(world: World, accountId: string, what: string) {
  const rows = await world.deps.database.knex('activity').where({ account_id: accountId, what }).orderBy('number')
  const row = rows.at(-1)
  return row && { ...row, data: JSON.parse(row.data) as Record<string, unknown> }
}

/** An installed app with its managed key, and the person whose account it is in. */
export async function installManaged(world: World) {
  const app = await world.app()
  const person = await world.person()
  const { id } = await world.install(person, app)
  await world.deliver()
  await app.receiver.waitFor('managed_key.created')
  const [row] = await rowsOf(world, 'keys', { kind: 'managed' })
  return { app, person, id, key: keyAt(app), keyId: String(row?.['id']) }
}

/** Waits until `holds` is true; fails after half a minute. */
export async function eventually(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await isTrue()) return
    await delay(50)
  }
  assert.fail('the condition never became true')
}

/** Presses while somebody else's transaction locks the rows that it needs; it goes on once that has committed. */
export async function pressDuring<Pressed>(
  world: World,
  lock: (tx: Tx) => Promise<unknown>,
  press: () => Promise<Pressed>,
): Promise<Pressed> {
  const { database } = world.deps
  const waiting = async () => {
    const where = "datname = current_database() and wait_event_type = 'Lock'"
    const { rows } = await database.knex.raw(`select 1 from pg_stat_activity where ${where}`)
    return rows.length > 0
  }
  const { pressed } = await database.transaction(async tx => {
    await lock(tx)
    const pressed = press()
    if (database.kind === 'postgres') await eventually(waiting) // SQLite has one writer: the second waits in any case
    return { pressed }
  })
  return await pressed
}

/** Reports a key as found in public, as anybody may. */
export async function reportLeak(world: World, key: string): Promise<void> {
  const body = JSON.stringify({ tokens: [key] })
  const answer = await fetch(`${world.url}/v1/leaks`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  assert.equal(answer.status, 202)
}
