import type { Dispatcher } from 'undici'
import type { AuthorizationClient } from './authorization-client.ts'

/** Whose key: an account and the installation in it. */
export type Home = { accountId: string; installationId: string }

/** Installs the app in the account of the signed-in person. */
export async function installFor(client: AuthorizationClient, cookie: string): Promise<Home> {
  const { tokens } = await client.authorize(cookie)
  const [detail] = tokens['authorization_details'] as { account_id: string; installation_id: string }[]
  return { accountId: detail?.account_id ?? '', installationId: detail?.installation_id ?? '' }
}

/** Asks as a resource server whether a key is valid. */
export async function isValid(to: Dispatcher, verifierKey: string, key: string): Promise<boolean> {
  const answer = await to.request({
    path: '/v1/keys/verify',
    method: 'POST',
    headers: { authorization: `Bearer ${verifierKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  })
  return ((await answer.body.json()) as { valid?: boolean }).valid === true
}

/** Who looks and presses in a browser. */
export type Person = { origin: string; cookie: string }

export async function look(to: Dispatcher, { origin, cookie }: Person, path: string): Promise<void> {
  const headers = { origin, cookie, 'sec-fetch-site': 'same-origin' }
  const answer = await to.request({ path, method: 'GET', headers })
  await answer.body.dump({ limit: 2 ** 30 })
  if (answer.statusCode !== 200) throw new Error(`${path} returned ${answer.statusCode}`)
}

/** Sends a form. Returns when the answer came, by `performance.now()`. Throws unless it leads on. */
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
