import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Ability, roleAllows, type Scope, whoMay } from '../../server/accounts/roles.ts'

const ROLES = ['owner', 'admin', 'developer', 'viewer'] as const
/** For each ability and scope, the roles that have it. */
const TABLE: [Ability, Scope | undefined, string][] = [
  ...(['install', 'uninstall', 'manage_keys'] as const).flatMap(ability => [
    [ability, 'live', 'owner admin'] as [Ability, Scope, string],
    [ability, 'test', 'owner admin developer'] as [Ability, Scope, string],
    [ability, undefined, 'owner admin'] as [Ability, undefined, string],
  ]),
  ['publish', 'draft', 'owner admin developer'],
  ['publish', undefined, 'owner admin'],
  ['publish', 'test', 'owner admin'],
  ['install', 'draft', 'owner admin'],
  ['manage_members', undefined, 'owner admin'],
  ['manage_owners', undefined, 'owner'],
  ['look', undefined, 'owner admin developer viewer'],
  ['look', 'live', 'owner admin developer viewer'],
]

for (const [ability, scope, roles] of TABLE)
  test(`${ability}${scope ? ` (${scope})` : ''}: ${roles}`, () => {
    assert.equal(ROLES.filter(role => roleAllows(role, ability, scope)).join(' '), roles)
  })

test('who may do something, in words', () => {
  assert.equal(whoMay('install', 'live'), 'an owner or admin')
  assert.equal(whoMay('install', 'test'), 'an owner, admin or developer')
  assert.equal(whoMay('manage_owners'), 'an owner')
})
