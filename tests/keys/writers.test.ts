import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')

/** Only these functions may contain statements that change what verification caches, and they announce the change. */
const TABLES = /\btx\('(keys|installations|apps|accounts|verifiers)'\)/

/** The rooms that may contain statements on each table. */
const ROOMS: Record<string, string> = {
  keys: 'server/keys',
  verifiers: 'server/keys',
  installations: 'server/installs',
  apps: 'apps-registry',
  accounts: 'server/accounts',
}

/** Writers that change nothing that verification reads, each with its reason. */
const HARMLESS: Record<string, string> = {
  insertKey: 'nobody can have asked about a key before it was minted',
  noteKeysDelivered: 'a key verifies from its minting on, acknowledged or not',
  insertAccount: 'an account has no state that stops keys',
  insertAccountRecord: 'an account has no state that stops keys',
  updateAccountRecord: 'what an account is called',
  ensureOutsideAccount: 'an account has no state that stops keys',
  renameAccount: 'what an account is called',
  insertInstallation: 'it has no keys yet, and no flag',
  moveInstallation: 'only the flags of a suspension stop keys, and they are set elsewhere',
  settleKeys: 'the installation’s row has said the same since it ended',
  cancelExpiredKeys: 'cancels deliveries, and only reads keys',
  markToExpireWith: 'what a key ends with decides nothing before its end',
  setInstallationPermissions: 'its keys lose theirs one by one in the same transaction',
  nextSequence: 'numbers events',
  insertApp: 'it has no keys yet',
  updateApp: 'changes no state; permissions that it takes away are announced where they are',
  approveLatestVersion: 'what new installations are asked for',
  setClientSecret: 'how an app authenticates',
  setRegistrationToken: 'who may change the registration',
  refreshListing: 'what the marketplace finds the app by',
  insertVersion: 'what an app asks for; its keys lose permissions one by one',
  takeSlug: 'where the marketplace lists the app',
  noteChangeSinceReview: 'what the badge says',
  saveJwks: 'what new keys are sealed for',
  noteGoneAddress: 'whether deliveries are paused',
  replaceWebhookSecret: 'what deliveries are signed with',
}

type Writer = { file: string; name: string; body: string }

/** Every function that updates, inserts into or deletes from one of the tables. */
function writers(): Writer[] {
  return globSync('{server,apps-registry}/**/*.ts', { cwd: root }).flatMap(file => {
    const source = readFileSync(join(root, file), 'utf8')
    return source
      .split(/^(?=(?:export )?(?:async )?function |(?:export )?const \w+ = )/m)
      .filter(part => TABLES.test(part) && /\.(?:update|insert|delete|increment|decrement)\(/.test(part))
      .map(body => ({ file, name: /(?:function|const) (\w+)/.exec(body)?.[1] ?? '', body }))
  })
}

test('every writer of what verification caches announces it in the same function', () => {
  const found = writers()
  assert.ok(found.length >= 15, `${found.length} writers: the search finds them`)
  const silent = found
    .filter(({ name }) => !(name in HARMLESS))
    .filter(({ body }) => !/\bannounce\(|\bchangeKeys\(/.test(body))
    .map(({ file, name }) => `${file}: ${name}`)
  assert.deepEqual(silent, [])
})

test('the list of exceptions has no surplus entry', () => {
  const names = new Set(writers().map(({ name }) => name))
  assert.deepEqual(
    Object.keys(HARMLESS).filter(name => !names.has(name)),
    [],
  )
})

test('each table is changed in its own room only', () => {
  const changed = writers().filter(({ name }) => name !== 'cancelExpiredKeys') // it only reads keys
  const elsewhere = changed.filter(({ file, body }) => !file.startsWith(`${ROOMS[TABLES.exec(body)?.[1] ?? '']}/`))
  assert.deepEqual(
    elsewhere.map(({ file, name }) => `${file}: ${name}`),
    [],
  )
})
