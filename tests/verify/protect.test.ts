import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import express from 'express'
import { connectLatchkey, keyOf, type Latchkey, type VerifiedKey } from 'latchkey/verify'
import { moveApp } from '../../apps-registry/move-app.ts'
import { keyAt, rowsOf } from '../support/steps.ts'
import { createWorld, type Installed, type Person, type PublishedApp, type World } from '../support/world.ts'
import { call, PATIENT, type Served, serve, someKey } from './guarded-api.ts'

const ROOT = join(import.meta.dirname, '../..')

describe('an API in Express beside a real Latchkey', () => {
  let world: World
  let app: PublishedApp
  let person: Person
  let installed: Installed
  let key: string
  let latchkey: Latchkey
  let api: Served
  let handled = 0

  before(async () => {
    world = await createWorld({ worker: false })
    app = await world.app()
    person = await world.person()
    installed = await world.install(person, app, { scope: 'charges:read' })
    await world.deliver()
    key = keyAt(app)
    latchkey = connectLatchkey({ url: world.url, verifierKey: world.verifierKey, timeoutMs: PATIENT })
    const { protect } = latchkey
    const routes = express()
    routes.use((_req, _res, next) => {
      handled += 1
      next()
    })
    routes.get('/charges', protect('charges:read'), (req, res) => void res.json(req.latchkey))
    routes.post('/charges', express.json(), protect('charges:write'), (req, res) => void res.json(keyOf(req)))
    routes.get('/me', protect(), (req, res) => void res.json(keyOf(req).account_id))
    routes.get('/open', (req, res) => void res.json(req.latchkey ?? null))
    routes.get('/broken', protect(), () => {
      throw new Error('of the handler')
    })
    routes.use(((error, _req, res, _next) => void res.status(500).end(error.message)) as express.ErrorRequestHandler)
    api = await serve(routes)
  })
  after(async () => {
    latchkey.close()
    await api[Symbol.asyncDispose]()
    await world[Symbol.asyncDispose]()
  })

  test('a key with the permission passes, and the handler gets its account', async () => {
    const told = await call(`${api.url}/charges`, key)
    assert.equal(told.status, 200)
    const verdict: VerifiedKey = JSON.parse(told.text)
    assert.deepEqual(verdict, await world.verify(key))
    assert.deepEqual([verdict.account_id, verdict.installation_id], [person.accountId, installed.id])
    assert.equal(JSON.parse((await call(`${api.url}/me`, key)).text), person.accountId)
  })

  test('403: a key without the permission of this route, though with that of another', async () => {
    const answer = await fetch(`${api.url}/charges`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: '{}',
    })
    assert.equal(answer.status, 403)
    assert.match(String(answer.headers.get('www-authenticate')), /error="insufficient_scope".*scope="charges:write"/)
  })

  test('401: an invented key; an unprotected route stays open', async () => {
    assert.equal((await call(`${api.url}/charges`, someKey())).problem.code, 'not_found')
    assert.deepEqual((await call(`${api.url}/open`, key)).text, 'null')
  })

  test('the address of the call is counted with the key', async () => {
    await call(`${api.url}/charges`, key)
    await world.deps.usage.flush()
    assert.deepEqual(
      (await rowsOf(world, 'key_usage_addresses')).map(row => row['address']),
      ['127.0.0.1'],
    )
  })

  test('an error of the handler is the handler’s, not a refusal', async () => {
    const told = await call(`${api.url}/broken`, key)
    assert.deepEqual([told.status, told.text], [500, 'of the handler'])
  })

  test('suspended, resumed, expired: each takes effect with the next call', async () => {
    const actor = { type: 'operator' as const, id: 'tests', ip: '' }
    const move = (verb: 'suspend' | 'resume') =>
      world.deps.database.transaction(tx => moveApp(tx, world.deps, { id: app.id, verb, actor }))
    await move('suspend')
    assert.equal((await call(`${api.url}/charges`, key)).problem.code, 'suspended')
    await move('resume')
    assert.equal((await call(`${api.url}/charges`, key)).status, 200)
    const keyId = JSON.parse((await call(`${api.url}/charges`, key)).text).key_id
    const page = await person.browser.get(`/keys/${keyId}/expire`)
    assert.equal((await person.browser.submit(page.form('/expire'), {})).status, 303)
    const told = await call(`${api.url}/charges`, key)
    assert.deepEqual([told.status, told.problem.code], [401, 'expired'])
  })

  test('Latchkey’s log contains no key', () => {
    assert.ok(handled > 0)
    assert.ok(!world.logs.some(line => line.includes(key)))
  })
})

test('installed as a package, it works from plain JavaScript with its environment only', async () => {
  await using world = await createWorld({ worker: false })
  const app = await world.app()
  await world.install(await world.person(), app)
  await world.deliver()
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-resource-server-'))
  try {
    const home = join(folder, 'node_modules/latchkey')
    mkdirSync(home, { recursive: true })
    for (const part of ['verify', 'package.json']) symlinkSync(join(ROOT, part), join(home, part))
    writeFileSync(
      join(folder, 'api.mjs'),
      `import { createServer } from 'node:http'
       import { refuse, verify } from 'latchkey/verify'
       const server = createServer(async (req, res) => {
         const verdict = await verify(req, 'charges:read')
         if (!verdict.valid) return refuse(res, verdict)
         res.end(verdict.account_id)
       })
       server.listen(0, '127.0.0.1', () => console.log(server.address().port))`,
    )
    const child = spawn(process.execPath, ['--preserve-symlinks', 'api.mjs'], {
      cwd: folder,
      env: { LATCHKEY_URL: world.url, LATCHKEY_VERIFIER_KEY: world.verifierKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const errors = text(child.stderr)
    const said = await Promise.race([once(child.stdout, 'data'), once(child, 'close').then(() => errors)])
    assert.match(String(said), /^\d+\s*$/)
    const url = `http://127.0.0.1:${String(said).trim()}`
    assert.equal((await call(url, keyAt(app))).status, 200)
    assert.equal((await call(url, someKey())).status, 401)
    child.kill()
    assert.equal(await errors, '')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
