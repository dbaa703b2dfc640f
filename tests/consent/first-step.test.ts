import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from '../../server/accounts/sessions.ts'
import { type FirstStep, firstStep, type PersonAsked } from '../../server/consent/first-step.ts'

const NOW = Date.UTC(2030, 0, 1)
const ADA = `usr_${'a'.repeat(26)}`
const EVE = `usr_${'e'.repeat(26)}`

/** Ada, who entered her password 100 seconds ago. */
function ada(id = 'sess_before'): Session {
  const membership = { account: { id: 'acct_1', name: 'Harbor Books' }, role: 'owner' as const }
  const user = { id: ADA, email: 'Ada@example.com', operator: false }
  return { id, user, current: membership, memberships: [membership], ip: '', seenAt: 0, authenticatedAt: NOW - 100_000 }
}

type Case = [what: string, asked: Partial<PersonAsked> & { prompt?: string }, step: FirstStep | undefined]

function check(cases: Case[], session: Session | undefined, chosen = false): void {
  for (const [what, { prompt = '', ...asked }, step] of cases) {
    const request = { session: 'sess_before', prompts: new Set(prompt.split(' ')), ...asked }
    assert.equal(firstStep(request, session, { now: NOW, chosen }), step, what)
  }
}

test('an anonymous visitor signs in, or signs up on prompt=create', () => {
  check(
    [
      ['no parameter', {}, 'sign_in'],
      ['login', { prompt: 'login' }, 'sign_in'],
      ['create', { prompt: 'create' }, 'sign_up'],
      ['a hint', { subject: EVE }, 'sign_in'],
    ],
    undefined,
  )
})

test('a person signed in before the request enters the password again only if the request requires it', () => {
  check(
    [
      ['no parameter', {}, undefined],
      ['consent', { prompt: 'consent' }, undefined],
      ['login', { prompt: 'login' }, 'password'],
      ['login among other prompts', { prompt: 'consent login' }, 'password'],
      ['an older sign-in than max_age', { maxAge: 99 }, 'password'],
      ['a sign-in as old as max_age', { maxAge: 100 }, undefined],
      ['another person’s ID token', { subject: EVE }, 'password'],
      ['their own ID token', { subject: ADA }, undefined],
      ['another person’s email', { loginHint: 'eve@example.com' }, 'choice'],
      ['their own email in another case', { loginHint: 'ADA@Example.com' }, undefined],
      ['another person’s id', { loginHint: EVE }, 'choice'],
      ['their own id', { loginHint: ADA }, undefined],
      ['a hint for an unknown person', { loginHint: '+45 12 34 56 78' }, undefined],
      ['select_account', { prompt: 'select_account' }, 'choice'],
      ['create', { prompt: 'create' }, 'sign_up'],
    ],
    ada(),
  )
})

test('a choice of account satisfies hints and select_account, and nothing that requires a password', () => {
  check(
    [
      ['select_account', { prompt: 'select_account' }, undefined],
      ['create', { prompt: 'create' }, undefined],
      ['another person’s email', { loginHint: 'eve@example.com' }, undefined],
      ['login', { prompt: 'login' }, 'password'],
      ['max_age', { maxAge: 1 }, 'password'],
      ['another person’s ID token', { subject: EVE }, 'password'],
    ],
    ada(),
    true,
  )
})

test('a person signed in after the request is asked nothing more, unless the ID token names another person', () => {
  check(
    [
      ['login', { prompt: 'login' }, undefined],
      ['max_age', { maxAge: 1 }, undefined],
      ['select_account', { prompt: 'select_account' }, undefined],
      ['another person’s email', { loginHint: 'eve@example.com' }, undefined],
      ['their own ID token', { subject: ADA }, undefined],
      ['another person’s ID token', { subject: EVE }, 'refuse'],
      ['no earlier session', { prompt: 'login', session: undefined }, undefined],
    ],
    ada('sess_after'),
  )
})
