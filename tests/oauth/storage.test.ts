import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { hashSecret } from '../../server/base/secret-format.ts'
import { authorizationUrl, pushedAuthorizationUrl } from '../support/oauth-client.ts'
import { createWorld, PASSWORD, type Person, REDIRECT } from '../support/world.ts'
import { basic, codeFor, exchange, post, refresh } from './flow.ts'
import { assertion, createProofs } from './proofs.ts'

const world = await createWorld()
after(() => world[Symbol.asyncDispose]())
const tokenEndpoint = `${world.url}/oauth/token`

/** The whole database as text; a table's name before each of its rows. */
async function tables(): Promise<string> {
  const { database } = world.deps
  const names = await database.read(async tx => {
    const rows: { name: string }[] =
      database.kind === 'sqlite'
        ? await tx('sqlite_master').where({ type: 'table' }).select('name')
        : await tx('information_schema.tables').where({ table_schema: 'public' }).select('table_name as name')
    return rows.map(row => row.name)
  })
  assert.ok(names.includes('oauth_records') && names.includes('apps'), names.join())
  const dumps: string[] = []
  for (const name of names) {
    const rows: Record<string, unknown>[] = await database.read(tx => tx(name).select('*'))
    for (const row of rows) {
      const values = Object.values(row).map(value =>
        Buffer.isBuffer(value) ? value.toString('latin1') : String(value),
      )
      dumps.push(`${name}: ${values.join(' | ')}`)
    }
  }
  return dumps.join('\n')
}

/** Every file of the data folder, including the database and its write-ahead log. */
function files(): { name: string; content: string }[] {
  return readdirSync(world.dataDir, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => ({ name: entry.name, content: readFileSync(join(entry.parentPath, entry.name), 'latin1') }))
}

function cookies({ browser }: Person, path: string): [string, string][] {
  return browser
    .cookieHeader(path)
    .split('; ')
    .map(pair => [`cookie ${pair.split('=')[0]}`, pair.slice(pair.indexOf('=') + 1)])
}

/** Creates every kind of secret, and returns each with its name. */
async function gatherSecrets(): Promise<Map<string, string>> {
  const app = await world.app()
  const signed = await world.app({ metadata: { token_endpoint_auth_method: 'private_key_jwt' } })
  const buyer = await world.person()
  const unexchanged = await codeFor(await world.person(), app)
  const { tokens } = await world.install(buyer, app, { scope: 'openid' })
  const { body: refreshed } = await post(tokenEndpoint, refresh(tokens.refresh_token), basic(app))
  const dpop = await (await createProofs()).make('POST', tokenEndpoint)
  const bound = await post(tokenEndpoint, exchange(await codeFor(await world.person(), app)), { ...basic(app), dpop })
  const proof = await assertion(signed.id, signed.receiver, world.url)
  const credentials = await post(tokenEndpoint, { grant_type: 'client_credentials', ...proof })
  const undecided = await world.person()
  const page = await undecided.browser.follow(
    await undecided.browser.get((await authorizationUrl(app.client, { redirectUri: REDIRECT })).url.href),
  )
  const pushed = await pushedAuthorizationUrl(app.client, { redirectUri: REDIRECT })
  const event = await app.receiver.waitFor('managed_key.created')
  const requestUri = String(pushed.url.searchParams.get('request_uri'))
  const interaction = new URL(page.url).pathname
  return new Map<string, string>([
    ['password', PASSWORD],
    ['root secret', world.deps.config.secrets.join()],
    ['registration token', app.platform.registrationToken],
    ['client secret', app.registered.client_secret],
    ['webhook secret', app.registered.webhook_secret],
    ['webhook secret, its bytes', app.registered.webhook_secret.slice('whsec_'.length)],
    ['registration access token', String(app.registered['registration_access_token'])],
    ['code', unexchanged.value],
    ['access token', tokens.access_token],
    ['refresh token', String(tokens.refresh_token)],
    ['id token', String(tokens.id_token)],
    ['access token after refresh', String(refreshed['access_token'])],
    ['refresh token after refresh', String(refreshed['refresh_token'])],
    ['DPoP-bound access token', String(bound.body['access_token'])],
    ['client credentials token', String(credentials.body['access_token'])],
    ['client assertion', String(proof['client_assertion'])],
    ['DPoP proof', dpop],
    ['request_uri', requestUri.slice(requestUri.lastIndexOf(':') + 1)],
    ['interaction', interaction.split('/').at(-1) ?? ''],
    ['managed key', String(event.key)],
    ['verifier key', world.verifierKey],
    ['private signing key', String(world.deps.signing.jwks.keys[0]?.['d'])],
    ...cookies(buyer, '/'),
    ...cookies(undecided, interaction),
  ])
}

test('no secret is in plaintext in any table, any file of the data folder, or the log', async t => {
  const secrets = await gatherSecrets()
  for (const name of ['cookie latchkey', 'cookie latchkey_interaction'])
    assert.ok(secrets.has(name), [...secrets.keys()].join())
  for (const [name, secret] of secrets) assert.ok(secret.length >= 16 && secret !== 'undefined', `${name}: ${secret}`)
  const rows = await tables()
  const found = files()
  const everything = [{ name: 'tables', content: rows }, ...found, { name: 'log', content: world.logs.join('\n') }]
  const email = 'person1@example.com'
  assert.ok(rows.includes(email), 'the search finds a public value in the tables')
  if (world.deps.database.kind === 'sqlite') {
    const names = found.map(file => file.name)
    assert.ok(names.includes('latchkey.db') && names.includes('latchkey.db-wal'), names.join())
    assert.ok(
      found.some(file => file.content.includes(email)),
      'the search finds a public value in the files',
    )
  }
  for (const [name, secret] of secrets) {
    await t.test(name, () => {
      for (const form of [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex')]) {
        const found = everything.filter(({ content }) => content.includes(form)).map(({ name }) => name)
        assert.deepEqual(found, [])
      }
    })
  }
})

test('a stored record cannot be moved to another row: its ciphertext is bound to it', async () => {
  const app = await world.app()
  const [mine, theirs] = [
    await world.install(await world.person(), app),
    await world.install(await world.person(), app),
  ]
  await world.deps.database.transaction(async tx => {
    const at = (token: string) => ({ model: 'AccessToken', id_hash: hashSecret(token) })
    const row = await tx('oauth_records').where(at(theirs.tokens.access_token)).first('payload')
    await tx('oauth_records').where(at(mine.tokens.access_token)).update({ payload: row.payload })
  })
  const answer = await post(`${world.url}/oauth/introspect`, { token: mine.tokens.access_token }, basic(app))
  assert.notEqual(answer.body['active'], true)
})
