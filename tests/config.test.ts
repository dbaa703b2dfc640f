import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { SAMPLE_CATALOG } from '../server/base/catalog.ts'
import { opaqueToken, systemRandom } from '../server/base/random.ts'
import { ConfigError, readConfig } from '../server/config.ts'

const secret = () => opaqueToken(systemRandom)

function faultsOf(env: Record<string, string>): string[] {
  try {
    readConfig(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.faults
  }
  return []
}

/** The names of the variables that are at fault. */
const atFault = (env: Record<string, string>) => [...new Set(faultsOf(env).map(fault => fault.split(':')[0]))].sort()

test('config: an empty environment starts a server on loopback with SQLite', () => {
  const config = readConfig({})
  assert.deepEqual(
    { ...config, roles: [...config.roles] },
    {
      host: '127.0.0.1',
      port: 3000,
      publicUrl: 'http://localhost:3000',
      database: { kind: 'sqlite', file: resolve('data/latchkey.db') },
      dataDir: resolve('data'),
      secrets: [],
      catalog: SAMPLE_CATALOG,
      brand: { name: 'Latchkey', logoFile: undefined },
      egressAllow: [],
      keyBrand: 'lk',
      keyLimits: { perInstallation: 100, perAccount: 10_000 },
      webConcurrency: 1,
      trustProxy: false,
      sessionLife: 12 * 3_600_000,
      signup: 'open',
      people: { passwords: true, signInUrl: undefined, identity: undefined },
      review: 'required',
      roles: ['web', 'worker'],
      retrySchedule: [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400],
      smtpUrl: undefined,
      rateLimits: true,
      metricsToken: undefined,
      logLevel: 'info',
    },
  )
  assert.ok(Object.isFrozen(config))
})

test('config: PostgreSQL URLs that the driver understands are accepted', () => {
  for (const url of [
    'postgres://db.example/latchkey',
    'postgresql://me:p%23x%2F%40@db.example:6432/latchkey?sslmode=verify-full',
    'postgres://me@/latchkey?host=/var/run/postgresql',
    'postgres:///latchkey?host=/var/run/postgresql',
    'postgres://[::1]:5432/latchkey?sslmode=no-verify',
  ])
    assert.deepEqual(faultsOf({ DATABASE_URL: url, LATCHKEY_SECRET: secret() }), [], url)
})

test('config: a PostgreSQL URL that the driver would refuse or misread is a named fault, without its password', () => {
  for (const url of UNREADABLE) {
    for (const name of ['DATABASE_URL', 'DATABASE_DIRECT_URL']) {
      const right = 'postgres://db.example/latchkey'
      const faults = faultsOf({ DATABASE_URL: right, LATCHKEY_SECRET: secret(), [name]: url })
      assert.equal(faults.length, 1, url)
      assert.match(faults[0] ?? '', new RegExp(`^${name}: (?!.*p#x)`))
    }
  }
})

test('config: an empty variable counts as absent', () => {
  const empty = Object.fromEntries(
    ['HOST', 'PORT', 'PUBLIC_URL', 'DATABASE_URL', 'LATCHKEY_SECRET', 'CATALOG', 'BRAND_LOGO', 'ROLES'].map(name => [
      name,
      '',
    ]),
  )
  assert.deepEqual(readConfig(empty), readConfig({}))
})

test('config: every variable accepts its documented values', () => {
  const [first, second] = [secret(), secret()]
  const config = readConfig({
    HOST: '::',
    PORT: '0',
    PUBLIC_URL: 'https://connect.example.com/',
    DATABASE_URL: 'postgresql://db.example/latchkey',
    DATA_DIR: '/srv/latchkey',
    LATCHKEY_SECRET: `${first}, ${second}`,
    BRAND_NAME: ' Northwind Pay ',
    EGRESS_ALLOW: '10.0.0.0/8, fd00::/8',
    KEY_BRAND: 'nw',
    TRUST_PROXY: '2',
    SIGNUP: 'invite',
    SESSION_HOURS: '8',
    REVIEW: 'off',
    ROLES: 'worker',
    RETRY_SCHEDULE: '1, 2,3',
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'debug',
    SMTP_URL: 'smtps://mail.example',
  })
  assert.equal(config.host, '::')
  assert.equal(config.port, 0)
  assert.equal(config.publicUrl, 'https://connect.example.com')
  assert.deepEqual(config.database, { kind: 'postgres', url: 'postgresql://db.example/latchkey' })
  assert.equal(config.dataDir, '/srv/latchkey')
  assert.deepEqual(config.secrets, [first, second])
  assert.equal(config.brand.name, 'Northwind Pay')
  assert.deepEqual(config.egressAllow, ['10.0.0.0/8', 'fd00::/8'])
  assert.equal(config.keyBrand, 'nw')
  assert.equal(config.trustProxy, 2)
  assert.equal(config.signup, 'invite')
  assert.equal(config.sessionLife, 8 * 3_600_000)
  assert.equal(config.review, 'off')
  assert.deepEqual([...config.roles], ['worker'])
  assert.deepEqual(config.retrySchedule, [1, 2, 3])
  assert.equal(config.rateLimits, false)
  assert.equal(config.logLevel, 'debug')
  assert.deepEqual(readConfig({ TRUST_PROXY: '10.0.0.0/8,::1' }).trustProxy, ['10.0.0.0/8', '::1'])
})

/** URLs that the driver would refuse at the first query, or read as another host. */
const UNREADABLE = [
  'postgres://me:p#x@db.example/latchkey',
  'postgres://me:12#x@db.example/latchkey',
  'postgres://me:a/b@db.example/latchkey',
  'postgres://db1.example,db2.example/latchkey',
  'postgres://db1.example:5432,db2.example:5432/latchkey',
  'postgres:///latchkey?host=db1.example,db2.example',
  'postgres://db.example:port/latchkey',
  'postgres://db.example/latchkey?sslmode=yes',
  'postgres://db.example/latchkey?sslrootcert=/nowhere/root.crt',
]

/** An OpenID provider with all that it needs. */
const IDENTITY = {
  IDENTITY_ISSUER: 'https://id.example.com',
  IDENTITY_CLIENT_ID: 'latchkey',
  IDENTITY_CLIENT_SECRET: 'a word',
}

const WRONG: Record<string, string[]> = {
  PORT: ['http', '65536', '-1', '80.5', '1e3'],
  PUBLIC_URL: [
    'connect.example.com',
    'ftp://connect.example.com',
    'https://connect.example.com/oauth',
    'https://a.example/?b',
    'https://a.example/?b=c',
    'https://a.example/#b',
    'https://user:word@a.example',
    'http://connect.example.com',
    'http://10.0.0.1',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'javascript:alert(1)',
  ],
  DATABASE_URL: ['mysql://db/x', 'sqlite:', 'sqlite::memory:', 'latchkey.db', 'http://db'],
  LATCHKEY_SECRET: ['short', ',', `${'a'.repeat(40)},short`],
  CATALOG: ['/nowhere/catalog.json', import.meta.filename],
  BRAND_NAME: [' ', 'a'.repeat(61)],
  BRAND_LOGO: ['/nowhere/logo.svg', import.meta.filename],
  EGRESS_ALLOW: ['10.0.0.0/33', 'localhost', '10.0.0.0/8;fd00::/8'],
  KEY_BRAND: ['l', 'LK', 'lk1', 'l_k', 'ninechars'],
  TRUST_PROXY: ['true', 'all', '-1', '100', '10.0.0.0/40', ','],
  SIGNUP: ['closed', 'OPEN'],
  SESSION_HOURS: ['0', '721', '1.5', '-1', 'none'],
  PASSWORDS: ['yes', 'OFF'],
  SIGN_IN_URL: [
    'shop.example.com',
    'http://shop.example.com/signin',
    'https://me:word@shop.example.com',
    'javascript:1',
  ],
  IDENTITY_ISSUER: ['id.example.com', 'http://id.example.com', 'http://10.0.0.1', 'https://id.example.com?a=b'],
  IDENTITY_SCOPES: ['email profile', 'open id'],
  IDENTITY_NAME: [' ', 'a'.repeat(61), 'two\nlines'],
  REVIEW: ['on', 'none'],
  ROLES: ['api', 'web,api', ','],
  RETRY_SCHEDULE: ['5s', '-5', '1.5', ',', '99999999'],
  SMTP_URL: ['mail.example', 'http://mail.example'],
  RATE_LIMITS: ['yes', 'true'],
  METRICS_TOKEN: ['short'],
  LOG_LEVEL: ['loud', 'INFO'],
}

for (const [name, values] of Object.entries(WRONG)) {
  test(`config: ${name} refuses invalid values, and the fault begins with its name`, () => {
    const rest = name.startsWith('IDENTITY_') ? IDENTITY : {}
    for (const value of values) assert.deepEqual(atFault({ ...rest, [name]: value }), [name], value)
  })
}

test('config: all faults are reported at once, of single variables and of combinations', () => {
  const env = Object.fromEntries(Object.entries(WRONG).map(([name, [value = '']]) => [name, value]))
  assert.deepEqual(atFault({ ...IDENTITY, ...env }), Object.keys(WRONG).sort())
  assert.throws(() => readConfig({ ...IDENTITY, ...env }), { message: /^The configuration has \d+ errors:\n {2}\w+: / })
  const between = { PORT: 'http', DATABASE_URL: 'postgres://db.example/latchkey', PUBLIC_URL: 'http://a.example' }
  assert.deepEqual(atFault(between), ['LATCHKEY_SECRET', 'PORT', 'PUBLIC_URL'])
})

test('config: no fault repeats a secret', () => {
  const word = secret().slice(0, 20)
  const faults = faultsOf({
    LATCHKEY_SECRET: word,
    METRICS_TOKEN: word.slice(0, 10),
    DATABASE_URL: `mysql://me:${word}@db/x`,
  })
  assert.equal(faults.length, 3)
  assert.ok(!faults.join('\n').includes(word.slice(0, 10)))
})

test('config: plain http is for loopback only', () => {
  for (const url of [
    'http://localhost',
    'http://localhost:8080',
    'http://127.0.0.1:3000',
    'http://127.3.2.1',
    'http://[::1]:1',
  ])
    assert.equal(readConfig({ PUBLIC_URL: url }).publicUrl, url)
})

test('config: PostgreSQL needs a root secret that every node shares', () => {
  const DATABASE_URL = 'postgres://db.example/latchkey'
  assert.deepEqual(faultsOf({ DATABASE_URL }), ['LATCHKEY_SECRET: is required with PostgreSQL'])
  assert.deepEqual(atFault({ DATABASE_URL, LATCHKEY_SECRET: ' , ' }), ['LATCHKEY_SECRET'])
  assert.deepEqual(faultsOf({ DATABASE_URL, LATCHKEY_SECRET: secret() }), [])
})

test('config: a catalog and a logo are read from files; the error of an invalid catalog names the entry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-config-'))
  const [catalog, broken, logo] = [join(folder, 'a.json'), join(folder, 'b.json'), join(folder, 'logo.svg')]
  const permission = { name: 'books:read', resource: 'books', access: 'read', sentence: 'See books', risks: [] }
  writeFileSync(catalog, JSON.stringify([permission]))
  writeFileSync(broken, JSON.stringify([{ ...permission, access: 'own' }]))
  writeFileSync(logo, '<svg/>')
  try {
    const config = readConfig({ CATALOG: catalog, BRAND_LOGO: logo })
    assert.deepEqual(config.catalog, [permission])
    assert.equal(config.brand.logoFile, logo)
    assert.match(faultsOf({ CATALOG: broken })[0] ?? '', /^CATALOG: 0\.access: /)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('config: passwords are off by default where people come from elsewhere', () => {
  const people = (env: Record<string, string>) => readConfig(env).people
  assert.equal(people({}).passwords, true)
  assert.equal(people({ PASSWORDS: 'off' }).passwords, false)
  for (const elsewhere of [{ SIGN_IN_URL: 'https://shop.example.com/signin?from=keys' }, IDENTITY]) {
    assert.equal(people(elsewhere).passwords, false)
    assert.equal(people({ ...elsewhere, PASSWORDS: 'on' }).passwords, true)
  }
  assert.equal(people({ SIGN_IN_URL: 'http://127.0.0.1:4000/signin' }).signInUrl, 'http://127.0.0.1:4000/signin')
})

test('config: an OpenID provider needs an id and a secret, and has a name', () => {
  assert.deepEqual(atFault({ IDENTITY_ISSUER: 'https://id.example.com' }), [
    'IDENTITY_CLIENT_ID',
    'IDENTITY_CLIENT_SECRET',
  ])
  assert.deepEqual(atFault({ IDENTITY_CLIENT_ID: 'x' }), ['IDENTITY_CLIENT_ID'])
  assert.equal(readConfig(IDENTITY).people.identity?.name, 'id.example.com')
  const given = readConfig({ ...IDENTITY, IDENTITY_NAME: 'Northwind', IDENTITY_ACCOUNTS_CLAIM: 'accounts' })
  assert.deepEqual(given.people.identity, {
    issuer: 'https://id.example.com',
    clientId: 'latchkey',
    clientSecret: 'a word',
    scopes: 'openid email profile',
    name: 'Northwind',
    accountsClaim: 'accounts',
  })
})
