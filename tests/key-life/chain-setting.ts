import assert from 'node:assert/strict'
import * as oauth from 'openid-client'
import { stopClock } from '../support/steps.ts'
import type { Installed, Person, PublishedApp, World } from '../support/world.ts'

export type ShownKey = {
  id: string
  installation_id: string
  status: string
  expires_at: string | null
  delivered_at: string | null
  replaces: string | null
  frozen: boolean
}
type Told = { type: string; data: Record<string, unknown> }

/** Every view of one key at one moment. */
export type Seen = {
  shown: ShownKey
  suspended: boolean
  kept: boolean
  /** Its deadline has passed since the last upkeep, so that its event is still to come. */
  untold: boolean
  verdict: { valid: boolean; code?: string; expires_at?: string | null }
  /** The words of the account's page. */
  page: string
  /** The end that the last event about the key states; absent without an event. */
  told: string | null | undefined
}

/** One app in one account as seen by its platform, its account and its resource servers; the clock is stopped. */
export class ChainSetting {
  readonly plaintexts = new Map<string, string>()
  readonly world: World
  readonly app: PublishedApp
  readonly person: Person
  token = ''
  installed: Installed

  private constructor(world: World, app: PublishedApp, person: Person, installed: Installed) {
    this.world = world
    this.app = app
    this.person = person
    this.installed = installed
  }

  static async create(world: World): Promise<ChainSetting> {
    stopClock(world, world.clock.now())
    const app = await world.app()
    const person = await world.person()
    const setting = new ChainSetting(world, app, person, await world.install(person, app))
    setting.token = (await oauth.clientCredentialsGrant(app.client)).access_token
    return setting
  }

  advance(ms: number): void {
    stopClock(this.world, this.world.clock.now() + ms)
  }

  async call(method: 'GET' | 'POST', path: string, body: object = {}) {
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' }
    const answer = await fetch(this.world.url + path, {
      method,
      headers,
      ...(method === 'POST' && { body: JSON.stringify(body) }),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }

  private async listAll(path: string): Promise<Record<string, unknown>[]> {
    const { status, body } = await this.call('GET', `${path}?limit=100`)
    assert.equal(status, 200)
    return body['data'] as Record<string, unknown>[]
  }

  /** Every event in order, delivered or not. */
  private async toldEvents(): Promise<Told[]> {
    const rows = await this.world.deps.database
      .knex('events')
      .where({ app_id: this.app.id })
      .orderBy('installation_id')
      .orderBy('sequence')
    return rows.map(row => JSON.parse(row.body) as Told)
  }

  async see(): Promise<Map<string, Seen>> {
    const events = await this.toldEvents()
    await this.openSecrets(events)
    const told = endsTold(events)
    const page = await this.readPage()
    const seen = new Map<string, Seen>()
    for (const installation of await this.listAll('/v1/installations')) {
      for (const key of await this.listAll(`/v1/installations/${installation['id']}/keys`)) {
        const shown = key as ShownKey
        const verdict = (await this.world.verify(this.plaintexts.get(shown.id) ?? '')) as Seen['verdict']
        const suspended = (installation['suspended_by'] as string[]).length > 0
        const kept = installation['status'] === 'uninstalled'
        const { words = '', ended = false } = page.get(shown.id) ?? {}
        const untold = shown.status === 'expired' && !ended
        seen.set(shown.id, { shown, suspended, kept, untold, verdict, page: words, told: told.get(shown.id) })
      }
    }
    return seen
  }

  /** Decrypts the keys in the events, as only the platform can. */
  private async openSecrets(events: readonly Told[]): Promise<void> {
    for (const { data } of events) {
      const key = data['key'] as { id: string } | undefined
      if (!key || !data['encrypted_secret'] || this.plaintexts.has(key.id)) continue
      const installationId = (data['installation'] as { id: string }).id
      const expected = { appId: this.app.id, installationId, keyId: key.id }
      const claims = await this.app.receiver.open(data['encrypted_secret'] as never, expected)
      this.plaintexts.set(key.id, claims.key)
    }
  }

  /** The state of each key in the words of the keys page. */
  private async readPage(): Promise<Map<string, { words: string; ended: boolean }>> {
    const words = new Map<string, { words: string; ended: boolean }>()
    let path: string | undefined = '/keys'
    const rows = await this.world.deps.database.knex('keys').where({ account_id: this.person.accountId })
    while (path) {
      const { status, text } = await this.person.browser.get(path)
      assert.equal(status, 200)
      for (const row of text.split('<tr>').slice(1)) {
        const redacted = /<code[^>]*>([^<]+)<\/code>/.exec(row)?.[1]
        const key = rows.find(candidate => candidate.redacted === redacted)
        const status = /<span class="status[^"]*">([^<]+)</.exec(row)?.[1] ?? ''
        if (key) words.set(key.id, { words: status, ended: key.status === 'expired' })
      }
      path = /href="(\/keys\?before=[^"]+)"/.exec(text)?.[1]
    }
    return words
  }
}

/** The end of each key according to the last event about it. */
function endsTold(events: readonly Told[]): Map<string, string | null> {
  const told = new Map<string, string | null>()
  for (const { data } of events) {
    const { key, replaced, keys } = data as Record<'key' | 'replaced', { id: string; expires_at: string | null }> & {
      keys?: { id: string; expires_at: string | null }[]
    }
    for (const spoken of [key, replaced, ...(keys ?? [])]) if (spoken) told.set(spoken.id, spoken.expires_at)
  }
  return told
}
