import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Fields } from '../support/browser-session.ts'
import { type AuthorizationRequest, authorizationUrl } from '../support/oauth-client.ts'
import { type Person, type PublishedApp, REDIRECT, type World } from '../support/world.ts'

export type JsonAnswer = { status: number; headers: Headers; body: Record<string, unknown> }

/** Posts a form to an endpoint of the authorization server, without additions. */
export async function post(
  address: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<JsonAnswer> {
  return await jsonOf(await fetch(address, { method: 'POST', headers, body: new URLSearchParams(fields) }))
}

export async function jsonOf(answer: Response): Promise<JsonAnswer> {
  const text = await answer.text()
  const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>
  return { status: answer.status, headers: answer.headers, body }
}

/** `client_secret_basic` with the encoding of RFC 6749 §2.3.1. */
export function basic(app: PublishedApp, secret = app.registered.client_secret): Record<string, string> {
  const pair = `${encodeURIComponent(app.id)}:${encodeURIComponent(secret)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

/** Opens the consent page and presses *Install app*; returns the redirect. */
export async function approve(person: Person, address: URL, fields: Fields = {}): Promise<URL> {
  const page = await person.browser.follow(await person.browser.get(address.href))
  assert.equal(page.status, 200, page.location ?? page.text.slice(0, 2_000))
  const back = await person.browser.follow(await person.browser.submit(page.form(), { decision: 'install', ...fields }))
  assert.ok(back.location?.startsWith(REDIRECT), `${back.status} ${back.location} ${back.text.slice(0, 2_000)}`)
  return new URL(back.location ?? '')
}

export type Code = { value: string; request: AuthorizationRequest; cameBackTo: URL }

/** An authorization code that has not been exchanged. */
export async function codeFor(
  person: Person,
  app: PublishedApp,
  parameters: { scope?: string; extra?: Record<string, string> } = {},
): Promise<Code> {
  const request = await authorizationUrl(app.client, { redirectUri: REDIRECT, ...parameters })
  const cameBackTo = await approve(person, request.url)
  const value = cameBackTo.searchParams.get('code')
  assert.ok(value, cameBackTo.href)
  return { value, request, cameBackTo }
}

/** The fields that exchange a code, for the test to change. */
export function exchange(code: Code): Record<string, string> {
  return {
    grant_type: 'authorization_code',
    code: code.value,
    redirect_uri: REDIRECT,
    code_verifier: code.request.codeVerifier,
  }
}

export function refresh(refreshToken: unknown): Record<string, string> {
  return { grant_type: 'refresh_token', refresh_token: String(refreshToken) }
}

export async function introspect(world: World, app: PublishedApp, token: unknown): Promise<Record<string, unknown>> {
  const { status, body } = await post(`${world.url}/oauth/introspect`, { token: String(token) }, basic(app))
  assert.equal(status, 200)
  return body
}

/** Runs `work` with the system's clock advanced, which the authorization server reads. */
export async function secondsLater<Result>(
  { mock }: TestContext,
  seconds: number,
  work: () => Promise<Result>,
): Promise<Result> {
  mock.timers.enable({ apis: ['Date'], now: Date.now() + seconds * 1_000 })
  try {
    return await work()
  } finally {
    mock.timers.reset()
  }
}
