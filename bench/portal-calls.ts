import type { Dispatcher } from 'undici'
import type { AuthorizationClient } from './authorization-client.ts'

/** An account and the installation in it. */
export type Home = { accountId: string; installationId: string }

/** Installs the app in the account of the signed-in person. */
export async function installFor(client: AuthorizationClient, cookie: string): Promise<Home> {
  const { tokens } = await client.authorize(cookie)
  const [detail] = tokens['authorization_details'] as { account_id: string; installation_id: string }[]
  return { accountId: detail?.account_id ?? '', installationId: detail?.installation_id ?? '' }
}

/** Verifies a key as a resource server does. */
export async function isValid(to: Dispatcher, verifierKey: string, key: string): Promise<boolean> {
  const answer = await to.request({
    path: '/v1/keys/verify',
    method: 'POST',
    headers: { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  })
  return ((await answer.body.json()) as { valid?: boolean }).valid === true
}

/** A person in a browser. */
export type Person = { origin: string; cookie: string }

export async function look(to: Dispatcher, { origin, cookie }: Person, path: string): Promise<void> {
  const headers = { origin, cookie, 'sec-fetch-site': 'same-origin' }
  const answer = await to.request({ path, method: 'GET', headers })
  await answer.body.dump({ limit: 2 ** 30 })
  if (answer.statusCode !== 200) throw new Error(`${path} returned ${answer.statusCode}`)
}

/** Submits a form. Returns when the response came, by `performance.now()`. Throws unless it is a redirect. */
export async function press(
  to: Dispatcher,
  { origin, cookie }: Person,
  path: string,
  form: Record<string, string> = {},
): Promise<number> {
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const headers = { ...type, origin, cookie, 'sec-fetch-site': 'same-origin' }
  const answer = await to.request({ path, method: 'POST', headers, body: new URLSearchParams(form).toString() })
  const at = performance.now()
  await answer.body.dump()
  if (answer.statusCode !== 303) throw new Error(`${path} returned ${answer.statusCode}`)
  return at
}
