import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startServer } from '../deliveries/server-process.ts'
import type { BrowserSession } from '../support/browser-session.ts'
import { askConsent, keysAt, press, rowsOf, uninstall } from '../support/steps.ts'
import { createWorld, type PublishedApp, type World } from '../support/world.ts'

/** Pages that cover every part of the story, as starting points of the crawl. */
const STARTS = ['/apps', '/keys', '/keys?show=expired', '/activity', '/marketplace', '/platform', '/settings/security']

test('no plaintext of a managed key is ever in the data folder, the database, a log line or a page', async () => {
  await using world = await createWorld({ worker: false, env: { RETRY_SCHEDULE: '1' }, outboundTimeoutMs: 3_000 })
  await using child = await startServer(world, { ROLES: 'web', LOG_LEVEL: 'trace' })
  const seen: string[] = []
  const person = await world.person()
  const elsewhere = await child.signIn(person)
  for (const browser of [person.browser, elsewhere, ...(await platformPeople(world))]) recordPages(browser, seen)

  const managed_keys = [{ name: 'first' }, { name: 'second' }]
  const active = await world.app({ metadata: { client_name: 'Stays', managed_keys } })
  const kept = await world.app({ metadata: { client_name: 'Leaves', managed_keys } })
  const failing = await world.app({ metadata: { client_name: 'Fails', managed_keys } })
  const inProcess = await world.app({ metadata: { client_name: 'Elsewhere', managed_keys } })
  const apps = [active, kept, failing, inProcess]

  active.receiver.behave('ok', { status: 500, body: 'no' })
  failing.receiver.behave('ok', 'hang', 'redirect')
  await world.install(person, active)
  const { id: leaving } = await world.install(person, kept)
  const { id: failed } = await world.install(person, failing)
  const page = await elsewhere.get('/interaction/install/elsewhere')
  await press({ browser: elsewhere }, page, 'install')
  for (let round = 0; round < 3; round += 1) {
    await world.deliver()
    world.clock.advance(1_300)
  }
  await person.browser.post(`/apps/${failed}/retry`)
  await uninstall(person, leaving, { keys: 'until', until: 'nonsense' })
  await uninstall(person, leaving, { keys: 'keep' })
  await askConsent(person, kept)
  await world.deliver()
  const secrets = apps.flatMap(app => [...keysAt(app), ...refusedKeys(app)])
  assert.ok(new Set(secrets).size >= 9, `${new Set(secrets).size} keys`)
  for (const key of secrets) for (const url of [world.url, child.url]) await misuse(world, url, key)
  await breakInstall(world, active)
  for (const browser of [person.browser, elsewhere]) await crawl(browser)

  const logged = [...world.logs, child.output()]
  const everything = [
    ...(await dump(world)),
    { name: 'log of this process', content: Buffer.from(world.logs.join('\n')) },
    { name: 'output of the child process', content: Buffer.from(child.output()) },
    ...seen.map(text => ({ name: `page ${text.slice(0, 80)}`, content: Buffer.from(text) })),
  ]
  const [key] = await rowsOf(world, 'keys')
  for (const [what, text] of [
    ['the hash is where keys are stored', String(key?.['hash'])],
    ['the redacted form is on pages', String(key?.['redacted'])],
  ] as const)
    assert.ok(
      everything.some(({ content }) => content.includes(text)),
      what,
    )
  assert.ok(logged.some(line => line.includes('request refused')) && seen.length > 30)
  for (const secret of new Set(secrets)) {
    for (const form of formsOf(secret)) {
      const found = everything.filter(({ content }) => content.includes(form)).map(({ name }) => name)
      assert.deepEqual(found, [], `${secret.slice(0, 9)}… in plaintext`)
    }
  }
})

/** The forms in which a key may occur: whole, without its prefix, and in the usual encodings. */
function formsOf(secret: string): string[] {
  const body = secret.slice(secret.lastIndexOf('_') + 1)
  const encoded = ['hex', 'base64', 'base64url'] as const
  return [secret, body, body.slice(0, 32), ...encoded.map(encoding => Buffer.from(secret).toString(encoding))]
}

/** Keys that were sent and never acknowledged; their receiver decrypted them. */
function refusedKeys({ receiver }: PublishedApp): string[] {
  return receiver.attempts.flatMap(({ event }) => event?.key ?? [])
}

async function platformPeople(world: World): Promise<BrowserSession[]> {
  return [(await world.platform('Onlooker, Inc.')).person.browser]
}

/** Records everything that the browser receives, headers included. */
function recordPages(browser: BrowserSession, seen: string[]): void {
  for (const way of ['get', 'post'] as const) {
    const original = browser[way] as (...given: unknown[]) => ReturnType<BrowserSession['get']>
    browser[way] = async (...given: unknown[]) => {
      const answer = await original(...given)
      seen.push(`${answer.url}\n${JSON.stringify(answer.headers)}\n${answer.text}`)
      return answer
    }
  }
}

/** Every mistake that a resource server can make with a key. */
async function misuse(world: World, url: string, key: string): Promise<void> {
  const address = `${url}/v1/keys/verify`
  const bearer = { authorization: `Bearer ${world.verifierKey}`, 'content-type': 'application/json' }
  const sent: RequestInit[] = [
    { headers: bearer, body: JSON.stringify({ key }) },
    { headers: bearer, body: JSON.stringify({ key: `${key}x` }) },
    { headers: bearer, body: JSON.stringify({ key: [key] }) },
    { headers: bearer, body: JSON.stringify({ key, ip: key }) },
    { headers: bearer, body: `{"key":"${key}"` },
    { headers: bearer, body: key },
    { headers: bearer, body: JSON.stringify({ key: key.repeat(500) }) },
    { headers: { ...bearer, authorization: `Bearer ${key}` }, body: JSON.stringify({ key }) },
    { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: `key=${key}` },
  ]
  for (const init of sent) {
    const answer = await fetch(address, { method: 'POST', ...init })
    assert.ok(!(await answer.text()).includes(key), `${answer.status}`)
  }
}

/** An install that fails after its keys were minted. */
async function breakInstall({ deps, person, install }: World, app: PublishedApp): Promise<void> {
  const unlucky = await person()
  const { knex } = deps.database
  await knex('activity_heads').where({ account_id: app.platform.person.accountId }).update({ number: 0 })
  await assert.rejects(install(unlucky, app))
}

/** Opens every page that is reachable by links. */
async function crawl(browser: BrowserSession): Promise<void> {
  const open = [...STARTS]
  const visited = new Set<string>()
  for (let path = open.shift(); path !== undefined && visited.size < 60; path = open.shift()) {
    if (visited.has(path)) continue
    visited.add(path)
    const page = await browser.get(path)
    const links = [...page.text.matchAll(/href="(\/[^"#]*)"/g)].map(([, href = '']) => href)
    open.push(...links.filter(href => !href.startsWith('/assets') && !href.startsWith('/brand')))
  }
}

/** Every file of the data folder, and on PostgreSQL every row of every table. */
async function dump({ dataDir, deps: { database } }: World): Promise<{ name: string; content: Buffer }[]> {
  const files = readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .map(name => ({ name, content: readFileSync(name) }))
  if (database.kind === 'sqlite') return files
  const tables: string[] = await database.knex('pg_tables').where({ schemaname: 'public' }).pluck('tablename')
  const rows = await Promise.all(tables.map(table => database.knex(table).select()))
  return [...files, ...tables.map((name, index) => ({ name, content: Buffer.from(JSON.stringify(rows[index])) }))]
}
