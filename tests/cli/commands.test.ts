import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createBrowserSession } from '../support/browser-session.ts'
import {
  createInstance,
  type Ended,
  type Instance,
  type RunningServer,
  runCommand,
  runInOneProcess,
  startServer,
} from '../support/child.ts'
import { startReceiver } from '../support/receiver.ts'
import { PASSWORD, sampleManifest } from '../support/world.ts'

let instance: Instance
let server: RunningServer

before(async () => {
  instance = await createInstance()
  server = await startServer({ ...instance.env, EGRESS_ALLOW: '127.0.0.1/32' })
})

after(async () => {
  await server[Symbol.asyncDispose]()
  await instance[Symbol.asyncDispose]()
})

const command = (...args: string[]) => runInOneProcess(instance.env, ...args)

/** The one JSON object on standard output; anything else there fails the test. */
function resultOf(ended: Ended): Record<string, unknown> {
  assert.equal(ended.code, 0, ended.stderr)
  assert.equal(ended.stderr, '')
  assert.match(ended.stdout, /^\{.*\}\n$/)
  return JSON.parse(ended.stdout) as Record<string, unknown>
}

function assertRefused(ended: Ended, message: RegExp): void {
  assert.equal(ended.code, 1, ended.stdout)
  assert.equal(ended.stdout, '')
  assert.match(ended.stderr, message)
  assert.doesNotMatch(ended.stderr, /^ +at .*:\d+/m)
}

const PERSON = ['--password', PASSWORD, '--account-name', 'Harbor Books']

async function newAccount(email: string): Promise<string> {
  const made = resultOf(await command('user', 'create', '--email', email, ...PERSON))
  return String(made['account_id'])
}

test('user create: the person can sign in at the running server, and is an operator only with the flag', async () => {
  const made = resultOf(await command('user', 'create', '--email', 'ada@example.com', ...PERSON, '--operator'))
  assert.deepEqual(Object.keys(made).sort(), ['account_id', 'user_id'])
  assert.match(String(made['user_id']), /^usr_[0-9a-z]{26}$/)
  assert.match(String(made['account_id']), /^acct_[0-9a-z]{26}$/)
  const browser = createBrowserSession(server.url)
  const answer = await browser.post('/signin', { email: 'ada@example.com', password: PASSWORD })
  assert.equal(answer.status, 303)
  assert.match((await browser.get('/apps')).text, /Harbor Books/)
  assertRefused(
    await command('user', 'create', '--email', 'ADA@example.com', ...PERSON),
    /There is an account with this email/,
  )
})

test('user create: each error names its option, and nobody is created', async () => {
  const refused = await command('user', 'create', '--email', 'ada', '--password', 'short', '--account-name', ' ')
  assertRefused(refused, /--email: .*whole address/s)
  assertRefused(refused, /--password: Use 12 characters or more/)
  assertRefused(refused, /--account-name: Name your account/)
})

test('platform, app, verifier: from a registration token to an app that is published, suspended, resumed and retired', async () => {
  const receiver = await startReceiver({ issuer: 'http://localhost:3000' })
  try {
    const account = await newAccount('grace@example.com')
    const platform = resultOf(await command('platform', 'create', '--account', account, '--name', ' Shipyard, Inc. '))
    assert.deepEqual(Object.keys(platform).sort(), ['platform_id', 'registration_token'])
    assert.match(String(platform['registration_token']), /^lkt_[0-9A-Za-z]{38}$/)
    const registered = await fetch(`${server.url}/oauth/register`, {
      method: 'POST',
      headers: { authorization: `Bearer ${platform['registration_token']}`, 'content-type': 'application/json' },
      body: JSON.stringify(sampleManifest(receiver)),
    })
    assert.equal(registered.status, 201)
    const { client_id: id } = (await registered.json()) as { client_id: string }
    assertRefused(
      await command('app', 'suspend', id),
      /The app is in_review; this needs it to be published|The app is draft/,
    )
    assert.deepEqual(resultOf(await command('app', 'publish', id)), { app_id: id, status: 'published' })
    const page = await createBrowserSession(server.url).get('/marketplace')
    assert.match(page.text, /Shipyard Hosting/)
    assert.deepEqual(resultOf(await command('app', 'suspend', id)), { app_id: id, status: 'suspended' })
    assert.deepEqual(resultOf(await command('app', 'resume', id)), { app_id: id, status: 'published' })
    assert.deepEqual(resultOf(await command('app', 'retire', id)), { app_id: id, status: 'retired' })
    assertRefused(await command('app', 'resume', id), /retired/)
    assert.doesNotMatch((await createBrowserSession(server.url).get('/marketplace')).text, /Shipyard Hosting/)
  } finally {
    await receiver.close()
  }
})

test('installation: the operator suspends and resumes one app in one account', async () => {
  const receiver = await startReceiver({ issuer: 'http://localhost:3000' })
  try {
    const account = await newAccount('mary@example.com')
    const platform = resultOf(await command('platform', 'create', '--account', account, '--name', 'Kite'))
    const registered = await fetch(`${server.url}/oauth/register`, {
      method: 'POST',
      headers: { authorization: `Bearer ${platform['registration_token']}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...sampleManifest(receiver), client_name: 'Kite' }),
    })
    assert.equal(registered.status, 201)
    const browser = createBrowserSession(server.url)
    await browser.post('/signin', { email: 'mary@example.com', password: PASSWORD })
    resultOf(await command('app', 'publish', String(((await registered.json()) as { client_id: string }).client_id)))
    const consent = await browser.follow(await browser.get('/interaction/install/kite'))
    const installing = await browser.follow(await browser.submit(consent.form(), { decision: 'install' }))
    const [id = ''] = /ins_[0-9a-z]{26}/.exec(installing.url) ?? []
    await receiver.waitFor('managed_key.created')
    assert.deepEqual(resultOf(await command('installation', 'suspend', id))['suspended_by'], ['operator'])
    assert.match((await browser.get(`/apps/${id}`)).text, /Suspended by the operator/)
    await receiver.waitFor('installation.suspended') // queued by the process of the command
    const resumed = resultOf(await command('installation', 'resume', id))
    assert.deepEqual(resumed, { installation_id: id, status: 'active', suspended_by: [] })
  } finally {
    await receiver.close()
  }
})

test('verifier create: its key works at the running server at once', async () => {
  const made = resultOf(await command('verifier', 'create', '--name', 'Sample API'))
  assert.deepEqual(Object.keys(made).sort(), ['verifier_id', 'verifier_key'])
  assert.match(String(made['verifier_key']), /^lkv_[0-9A-Za-z]{38}$/)
  const answer = await fetch(`${server.url}/v1/keys/verify`, {
    method: 'POST',
    headers: { authorization: `Bearer ${made['verifier_key']}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key: 'nothing like a key' }),
  })
  assert.deepEqual(await answer.json(), { valid: false, code: 'malformed' })
})

test('KEY_BRAND: keys made by the command line carry the operator’s brand', async () => {
  const made = resultOf(
    await runInOneProcess({ ...instance.env, KEY_BRAND: 'nw' }, 'verifier', 'create', '--name', 'API'),
  )
  assert.match(String(made['verifier_key']), /^nwv_/)
})

test('invalid input: exit status 1, a message on standard error, nothing on standard output', async () => {
  const cases: [string[], RegExp][] = [
    [[], /Usage: latchkey/],
    [['sweep', '--nonsense'], /unknown option/],
    [['platform', 'create', '--account', 'acct_nowhere', '--name', 'Shipyard'], /There is no such account/],
    [['platform', 'create', '--account', 'acct_nowhere', '--name', ' '], /Give a name/],
    [['verifier', 'create', '--name', 'a'.repeat(121)], /120 characters or fewer/],
    [['app', 'publish'], /missing required argument/],
    [['app', 'retire', 'app_nowhere'], /There is no such app|nothing here/],
    [['installation', 'suspend', 'ins_nowhere'], /There is no such installation/],
    [['installation', 'resume', `ins_${'0'.repeat(26)}`], /There is no such installation/],
  ]
  for (const [args, message] of cases) assertRefused(await command(...args), message)
  // and as processes of their own: one that commander refuses, one that the program does
  for (const args of [
    ['sweep', '--nonsense'],
    ['app', 'retire', 'app_nowhere'],
  ]) {
    const { code, stdout, stderr } = await runCommand(instance.env, ...args)
    assert.deepEqual({ code, stdout, stderr }, await command(...args))
  }
})

test('configuration: a command lists every fault, as the server does', async () => {
  const refused = await runCommand({ ...instance.env, PORT: 'http', SIGNUP: 'maybe' }, 'sweep')
  assertRefused(refused, /has 2 errors:\n {2}PORT: .*\n {2}SIGNUP: /)
})

test('sweep, audit verify, migrate: report their results', async () => {
  const swept = resultOf(await command('sweep'))
  for (const [name, count] of Object.entries(swept)) assert.equal(typeof count, 'number', name)
  const proof = resultOf(await command('audit', 'verify'))
  assert.equal(proof['unbroken'], true)
  assert.ok(Number(proof['entries']) > 0)
  assert.deepEqual(resultOf(await command('migrate')), { pending: 0 })
})

test('many simultaneous commands beside the running server all succeed', async () => {
  const emails = Array.from({ length: 4 }, (_, count) => `many${count}@example.com`)
  const made = await Promise.all(
    emails.map(email => runCommand(instance.env, 'user', 'create', '--email', email, ...PERSON)),
  )
  const accounts = made.map(ended => resultOf(ended)['account_id'])
  assert.equal(new Set(accounts).size, 4)
  assert.equal(resultOf(await command('audit', 'verify'))['unbroken'], true)
})

test('without passwords: a person without one signs in by a link, and becomes an operator', async () => {
  const without = { ...instance.env, PASSWORDS: 'off' }
  const person = ['--email', 'first@example.com', '--account-name', 'Northwind']
  assertRefused(
    await runCommand(without, 'user', 'create', ...person, '--password', PASSWORD),
    /--password: PASSWORDS is off/,
  )
  assertRefused(await command('user', 'create', ...person), /--password: Choose a password/)
  const made = resultOf(await runCommand(without, 'user', 'create', ...person))
  const browser = createBrowserSession(server.url)
  const tried = await browser.post('/signin', { email: 'first@example.com', password: PASSWORD })
  assert.equal(tried.status, 422)
  const link = resultOf(await runCommand(without, 'sign-in-link', '--email', 'first@example.com'))
  assert.deepEqual(Object.keys(link), ['url', 'expires_at'])
  const { pathname, search } = new URL(String(link['url']))
  const page = await browser.get(`${pathname}${search}`)
  assert.equal((await browser.submit(page.form('/signin/link'))).status, 303)
  assert.match((await browser.get('/apps')).text, /first@example\.com/)
  const operator = resultOf(await command('user', 'operator', '--email', 'FIRST@example.com'))
  assert.deepEqual(operator, { user_id: made['user_id'], operator: true })
  for (const args of [
    ['sign-in-link', '--email', 'nobody@example.com'],
    ['user', 'operator', '--email', 'nobody@example.com'],
  ])
    assertRefused(await command(...args), /There is no person with this email/)
})
