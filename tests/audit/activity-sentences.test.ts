import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { isSubject, kindsOf, SENTENCES, SUBJECTS } from '../../server/audit/activity-sentences.ts'
import type { ActivityEntry } from '../../server/audit/list-activity.ts'
import { type EntryNames, plainText, sayActivity } from '../../server/audit/say-activity.ts'
import { ERRORS } from '../../server/base/errors.ts'
import { readTree } from '../support/imports.ts'

const ROOT = join(import.meta.dirname, '../..')
/** A file that records activity or makes entries for others to record. */
const RECORDS = /\brecord(?:Activity|Notes)\b|\bAct\b|\bwhat: '|\bwhat = /
/** Dotted text that may be the kind of an entry. */
const DOTTED = /'([a-z]+(?:_[a-z]+)*\.[a-z]+(?:_[a-z]+)*)'/g

/**
 * Kinds that the code records, each with its file: dotted text in files that record activity. An error code, an event type
 * or a column of a table is none, unless its line says `what`.
 */
function recordedKinds(): Map<string, string> {
  const migrations = [...readTree(ROOT, ['db/migrations/*.ts']).values()].join('')
  const tables = new Set([...migrations.matchAll(/createTable\('(\w+)'/g)].map(([, table]) => table))
  const columns = new Set([...migrations.matchAll(/table\.\w+\('(\w+)'/g)].map(([, column]) => column))
  const isColumn = ([table, column]: string[]) => tables.has(table) && columns.has(column)
  const isOther = (text: string) =>
    Object.hasOwn(ERRORS, text) || isColumn(text.split('.')) || text.startsWith('managed_key.')
  const kinds = new Map<string, string>()
  for (const [path, source] of readTree(ROOT, ['server/*/**/*.ts', 'apps-registry/**/*.ts'])) {
    if (path.endsWith('-store.ts') || path === 'server/audit/activity-sentences.ts' || !RECORDS.test(source)) continue
    for (const line of source.split('\n'))
      for (const [, text = ''] of line.matchAll(DOTTED))
        if (/\bwhat\b/.test(line) || !isOther(text)) kinds.set(text, path)
  }
  return kinds
}

test('every kind of entry that the code records has a sentence, and each sentence has a subject', () => {
  const kinds = recordedKinds()
  assert.ok(kinds.size > 30, `${kinds.size} kinds were found`)
  const untold = [...kinds].filter(([kind]) => !Object.hasOwn(SENTENCES, kind))
  assert.deepEqual(untold, [], 'add a sentence to server/audit/activity-sentences.ts')
  const filed = Object.keys(SUBJECTS).flatMap(subject => (isSubject(subject) ? kindsOf(subject) : []))
  assert.deepEqual(filed.toSorted(), Object.keys(SENTENCES).toSorted())
})

function entryOf(what: string, data: Record<string, unknown> = {}, actorType = 'user'): ActivityEntry {
  const rest = { account_id: 'acct_a', number: 1, at: 0, app_id: null, hash: '', ip: '' }
  return { ...rest, actor_type: actorType, actor_id: 'usr_a', what, object: 'key_a', data: JSON.stringify(data) }
}

const mara: EntryNames = { actor: { text: 'Mara' } }
const ofApp: EntryNames = { ...mara, object: { text: 'Renamed', href: '/keys' }, app: { text: 'Shipyard Hosting' } }
const said = (entry: ActivityEntry, names: EntryNames) => plainText(sayActivity(entry, names))

test('a sentence names who acted, the key as it was called then, and its app', () => {
  assert.equal(
    said(entryOf('key.expired', { name: 'Web server' }), ofApp),
    'Mara expired the key Web server of Shipyard Hosting',
  )
  assert.equal(said(entryOf('key.expired', { name: 'Laptop' }), mara), 'Mara expired the key Laptop')
  const alone = entryOf('key.expired', { name: 'Laptop' }, 'system')
  assert.equal(said(alone, mara), 'The key Laptop expired')
  const pieces = sayActivity(entryOf('key.expired', { name: 'Web server' }), ofApp)
  assert.deepEqual(pieces[2], { text: 'Web server', href: '/keys', name: true })
})

test('values of the data are words: lengths, lists and moments; a part without a value is left out', () => {
  const rotated = (overlap_seconds: number) => said(entryOf('key.rotated', { name: 'default', overlap_seconds }), mara)
  assert.equal(rotated(86_400), 'Mara rotated the key default with an overlap of 24 hours')
  assert.equal(rotated(604_800), 'Mara rotated the key default with an overlap of 7 days')
  assert.equal(rotated(5_400), 'Mara rotated the key default with an overlap of 90 minutes')
  assert.equal(rotated(0), 'Mara rotated the key default')
  assert.equal(
    said(entryOf('key.frozen', { name: 'default', until: '2030-01-01T12:00:00.000Z' }), mara),
    'Mara froze the key default until 2030-01-01 12:00 UTC',
  )
  assert.equal(
    said(entryOf('installation.updated', { removed: ['charges:read', 'payouts:read'] }), ofApp),
    'Mara removed permissions from Shipyard Hosting: charges:read, payouts:read',
  )
  assert.equal(
    said(entryOf('app.recipient_key_changed', { from: null, to: 'k2' }), ofApp),
    'Mara changed the encryption key of Shipyard Hosting to k2',
  )
})

test('an unknown kind, an app and data that are gone still make a sentence', () => {
  assert.equal(said(entryOf('tests.done'), mara), 'Mara: tests.done key_a')
  assert.equal(said(entryOf('installation.created'), mara), 'Mara installed an app')
  for (const what of Object.keys(SENTENCES))
    for (const type of ['user', 'system'])
      assert.doesNotMatch(said(entryOf(what, {}, type), mara), /[{}[\]]|undefined/, what)
})
