import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { lockSealedUnder } from '../db/sealed-columns.ts'
import { createKeyring } from '../server/base/keyring.ts'
import { opaqueToken, systemRandom } from '../server/base/random.ts'
import { readConfig } from '../server/config.ts'
import { createDeps } from '../server/deps.ts'
import { lockRecordsForReencryption } from '../server/oauth/reencrypt-records.ts'
import { openPayload, SEALED_RECORDS } from '../server/oauth/sealed-payload.ts'
import { countRootUse, reencrypt } from '../server/reencrypt.ts'
import { update } from './apps-registry/registration.ts'
import { environmentBeside, nodeBeside } from './deliveries/node-beside.ts'
import { startServer } from './deliveries/server-process.ts'
import { basic } from './oauth/flow.ts'
import { runInOneProcess } from './support/child.ts'
import { eventually } from './support/eventually.ts'
import { rowsOf } from './support/steps.ts'
import { createWorld, type PublishedApp, type World } from './support/world.ts'

const OLD = opaqueToken(systemRandom)
const NEW = opaqueToken(systemRandom)
const rootsOf = (...secrets: string[]) => createKeyring(secrets, systemRandom).roots

/** A Latchkey under the old secret with a value in every encrypted column. */
async function oldWorld() {
  const world = await createWorld({ worker: false, env: { LATCHKEY_SECRET: OLD } })
  const app = await world.app()
  const person = await world.person()
  const installed = await world.install(person, app)
  await world.deliver()
  const token = await clientToken(world.url, app)
  const rotate = (secret = token) =>
    fetch(`${world.url}/v1/webhook-secret/rotate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'idempotency-key': 'rotation' },
    })
  const answer = (await (await rotate()).json()) as { webhook_secret: string }
  return { world, app, person, installed, answer, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() }
}

async function clientToken(url: string, app: PublishedApp): Promise<string> {
  const answer = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { ...basic(app), 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=client_credentials',
  })
  assert.equal(answer.status, 200, await answer.clone().text())
  return String(((await answer.json()) as { access_token: string }).access_token)
}

/** The ids of the root secrets that the ciphertexts in the database begin with. */
async function sealedValues(world: World): Promise<string[]> {
  const columns: [string, string][] = [
    ['signing_keys', 'private_jwk'],
    ['activity_key', 'sealed'],
    ['apps', 'client_secret'],
    ['apps', 'webhook_secret'],
    ['apps', 'previous_webhook_secret'],
    ['oauth_records', 'payload'],
    ['idempotent_requests', 'answer'],
  ]
  const values: string[] = []
  for (const [table, column] of columns) {
    const found = (await rowsOf(world, table)).map(row => row[column])
    assert.ok(found.length > 0 && found.every(value => typeof value === 'string'), `${table}.${column} is in use`)
    values.push(...found.map(String))
  }
  return values
}

test('after the new secret is put in front, everything is encrypted again, and the old one may be removed', async () => {
  await using setting = await oldWorld()
  const { world, app, installed, answer } = setting
  const values = await sealedValues(world)
  const [oldId] = rootsOf(OLD)
  const [newId] = rootsOf(NEW)
  assert.ok(values.every(value => value.startsWith(`${oldId}.`)))

  {
    await using both = await nodeBeside(world, { LATCHKEY_SECRET: `${NEW},${OLD}` })
    assert.deepEqual(await countRootUse(both.deps.database, rootsOf(NEW, OLD)), {
      current: 0,
      older: values.length,
      unknown: 0,
    })
    assert.equal(await reencrypt(both.deps), undefined)
    assert.equal(await reencrypt(both.deps), undefined)
  }
  assert.ok((await sealedValues(world)).every(value => value.startsWith(`${newId}.`)))

  await using server = await startServer(world, { LATCHKEY_SECRET: NEW, ROLES: 'web,worker' })
  const signedIn = await server.signIn(setting.person)
  assert.equal((await signedIn.get('/apps')).status, 200)
  const refreshed = await fetch(`${server.url}/oauth/token`, {
    method: 'POST',
    headers: { ...basic(app), 'content-type': 'application/x-www-form-urlencoded' },
    body: `grant_type=refresh_token&refresh_token=${installed.tokens['refresh_token']}`,
  })
  assert.equal(refreshed.status, 200, await refreshed.clone().text())
  const read = await fetch(`${server.url}/oauth/register/${app.id}`, {
    headers: { authorization: `Bearer ${app.registered['registration_access_token']}` },
  })
  assert.equal(read.status, 200, 'the client secret itself was used above; a registration never returns it again')
  const token = await clientToken(server.url, app)
  const again = await fetch(`${server.url}/v1/webhook-secret/rotate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'rotation' },
  })
  assert.deepEqual(
    await again.json(),
    answer,
    'a repeated request gets the response that was sealed under the old secret',
  )
  const log = await fetch(`${server.url}/v1/deliveries`, { headers: { authorization: `Bearer ${token}` } })
  const { data } = (await log.json()) as { data: { id: string; type: string }[] }
  const delivery = data.find(({ type }) => type === 'managed_key.created')
  const sent = await fetch(`${server.url}/v1/deliveries/${delivery?.id}/redeliver`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  })
  assert.ok(sent.ok, await sent.clone().text())
  const event = await app.receiver.waitFor('managed_key.created', 2)
  assert.deepEqual(
    [event.verified, event.faults],
    [true, []],
    'signed by both webhook secrets, decrypted with the same jwks',
  )
  app.receiver.secret = answer.webhook_secret
})

test('a running server does it by itself, and doctor says when the old secret may be removed', async () => {
  await using setting = await oldWorld()
  const { world } = setting
  const env = { ...environmentBeside(world), LATCHKEY_SECRET: `${NEW},${OLD}` }
  const detail = async (more: Record<string, string> = {}) => {
    const { stdout } = await runInOneProcess({ ...env, ...more }, 'doctor')
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] }
    return checks.find(({ name }) => name === 'encrypted_values')
  }
  const values = (await sealedValues(world)).length
  assert.deepEqual(await detail(), {
    name: 'encrypted_values',
    ok: true,
    detail: `${values} of ${values} are still under an older root secret: keep it`,
  })
  assert.equal((await detail({ LATCHKEY_SECRET: NEW }))?.ok, false)
  await using server = await startServer(world, { LATCHKEY_SECRET: `${NEW},${OLD}`, ROLES: 'web,worker' })
  const [newId] = rootsOf(NEW)
  await eventually(async () => (await sealedValues(world)).every(value => value.startsWith(`${newId}.`)))
  assert.match(
    (await detail())?.detail ?? '',
    /^all \d+ are under the current root secret; the older ones may be removed$/,
  )
  await eventually(() => server.output().includes('it may be removed'))
})

test('a concurrent change wins, several processes do no harm, and the next one continues where one stopped', async () => {
  await using setting = await oldWorld()
  const { world } = setting
  const { knex } = world.deps.database
  const [record] = await rowsOf(world, 'oauth_records')
  const copies = Array.from({ length: 350 }, (_, index) => {
    const identity = { model: 'Copy', id_hash: `hash ${index}` }
    const payload = world.deps.keyring.encrypt('oauth', `Copy:hash ${index}`, JSON.stringify({ index }))
    return { ...record, ...identity, payload }
  })
  await knex.batchInsert('oauth_records', copies, 50)
  await using one = await nodeBeside(world, { LATCHKEY_SECRET: `${NEW},${OLD}` })
  await using other = await nodeBeside(world, { LATCHKEY_SECRET: `${NEW},${OLD}` })
  const changed = one.deps.keyring.encrypt('oauth', 'Copy:hash 7', '{"index":"changed"}')
  await Promise.all([
    reencrypt(one.deps),
    knex('oauth_records').where({ model: 'Copy', id_hash: 'hash 7' }).update({ payload: changed }),
    reencrypt(other.deps),
  ])
  while ((await reencrypt(one.deps)) !== undefined) {
    // values were locked
  }
  const keyring = createKeyring([NEW], systemRandom)
  for (const row of await rowsOf(world, 'oauth_records', { model: 'Copy' })) {
    const opened = JSON.parse(keyring.decrypt('oauth', `Copy:${row['id_hash']}`, String(row['payload'])))
    const number = Number(String(row['id_hash']).slice(5))
    assert.deepEqual(opened, { index: number === 7 ? 'changed' : number })
  }
  assert.deepEqual((await countRootUse(one.deps.database, rootsOf(NEW, OLD))).older, 0)
})

test('grants that are being encrypted again at that moment lose a permission all the same', async () => {
  await using setting = await oldWorld()
  const { world, app } = setting
  let updated: ReturnType<typeof update> | undefined
  await world.deps.database.transaction(async tx => {
    assert.equal(await lockRecordsForReencryption(tx), true)
    const [oldId = ''] = rootsOf(OLD)
    assert.ok((await lockSealedUnder(tx, SEALED_RECORDS, oldId, 1_000)).length > 0)
    const left = [{ name: 'charges:read', purpose: 'To work.' }]
    updated = update(app, { permissions: left })
    await delay(500) // long enough to reach the grants, or to wait for them
  })
  assert.equal((await updated)?.status, 200)
  const [grant] = (await rowsOf(world, 'oauth_records', { model: 'Grant' })) as { id_hash: string; payload: string }[]
  assert.ok(grant)
  const { openid } = openPayload(world.deps.keyring, { model: 'Grant', ...grant }) as { openid?: { scope?: string } }
  assert.doesNotMatch(openid?.scope ?? '', /charges:write/)
  assert.match(openid?.scope ?? '', /charges:read/)
})

test('without the secret of the stored values nothing starts, and the fault says so without naming a secret', async () => {
  await using setting = await oldWorld()
  const config = readConfig({ ...environmentBeside(setting.world), LATCHKEY_SECRET: NEW })
  await assert.rejects(createDeps(config), (error: Error) => {
    assert.match(error.message, /LATCHKEY_SECRET: .*unknown root secret \(1 in signing_keys/)
    assert.ok(!error.message.includes(NEW) && !error.message.includes(OLD))
    return error.name === 'ConfigError'
  })
})
