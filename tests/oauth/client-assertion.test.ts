import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errors } from 'oidc-provider'
import { checkClientAssertion } from '../../server/oauth/client-assertion.ts'

const NOW = 1_900_000_000
const ISSUER = 'https://latchkey.example'
const TOKEN = `${ISSUER}/oauth/token`
const caps = { clock: { now: () => NOW * 1_000, monotonic: () => 0 }, audiences: new Set([ISSUER, TOKEN]) }
const USUAL = { aud: ISSUER, iat: NOW, exp: NOW + 60 }

const accepted: [string, object, object?][] = [
  ['a minute', {}],
  ['an hour plus the clock tolerance', { exp: NOW + 3_660 }],
  ['no iat', { iat: undefined }],
  ['iat within a minute ahead', { iat: NOW + 60 }],
  ['iat long ago', { iat: NOW - 86_400 }],
  ['the token endpoint as audience', { aud: TOKEN }],
  ['a list with only this server', { aud: [ISSUER] }],
  ['a list of names for this server', { aud: [ISSUER, TOKEN] }],
  ['typ JWT', {}, { typ: 'JWT' }],
  ['typ client-authentication+jwt', {}, { typ: 'client-authentication+jwt' }],
  ['typ in full', {}, { typ: 'application/client-authentication+JWT' }],
]
for (const [what, claims, header = {}] of accepted) {
  test(`accepted: ${what}`, () => checkClientAssertion(caps, { ...USUAL, ...claims }, header))
}

const refused: [string, object, object?][] = [
  ['exp in three years', { exp: NOW + 3 * 365 * 86_400 }],
  ['exp in an hour and two minutes', { exp: NOW + 3_720 }],
  ['exp beyond every number', { exp: Number.POSITIVE_INFINITY }],
  ['exp as a text', { exp: String(NOW + 60) }],
  ['iat two minutes ahead', { iat: NOW + 120 }],
  ['iat as a text', { iat: 'now' }],
  ['a foreign audience', { aud: 'https://elsewhere.example' }],
  ['a list with a foreign audience', { aud: [ISSUER, 'https://elsewhere.example'] }],
  ['an empty list', { aud: [] }],
  ['a list of objects', { aud: [{ iss: ISSUER }] }],
  ['typ of a DPoP proof', {}, { typ: 'dpop+jwt' }],
  ['typ of an access token', {}, { typ: 'at+jwt' }],
  ['typ of a delivered key', {}, { typ: 'managed-key+jwt' }],
  ['typ that is no text', {}, { typ: { jwt: true } }],
]
for (const [what, claims, header = {}] of refused) {
  test(`refused: ${what}`, () =>
    assert.throws(() => checkClientAssertion(caps, { ...USUAL, ...claims }, header), errors.InvalidClientAuth))
}
