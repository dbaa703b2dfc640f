/** An installed app whose platform mints keys over HTTP; the load of several measurements. */
import { createAuthorizationClient } from './authorization-client.ts'
import { registerApp } from './setup.ts'

export type Minting = { token: string; installations: string[] }

/** Registers an app, installs it for each person, and gets an access token of the app. Needs a running server. */
export async function prepareMinting(
  origin: string,
  { registrationToken, cookies }: { registrationToken: string; cookies: readonly string[] },
  receiver: { url: string; jwks: object },
): Promise<Minting> {
  const app = await registerApp(origin, registrationToken, receiver)
  const client = createAuthorizationClient(origin, { authorization: '/oauth/authorize', token: '/oauth/token' }, app, 4)
  const installations: string[] = []
  for (const cookie of cookies) {
    const { tokens } = await client.authorize(cookie)
    const [details] = tokens['authorization_details'] as { installation_id: string }[]
    installations.push(details?.installation_id ?? '')
  }
  await client.close()
  const answer = await fetch(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${app.id}:${app.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  const { access_token: token } = (await answer.json()) as { access_token: string }
  return { token, installations }
}

/** Mints one key. Returns the status, and the key's id if it is 201. Throws if there is no response within 30 s. */
export async function mintKey(
  origin: string,
  { token, installation, name }: { token: string; installation: string; name: string },
): Promise<{ status: number; id: string | undefined }> {
  const answer = await fetch(`${origin}/v1/installations/${installation}/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
    signal: AbortSignal.timeout(30_000),
  })
  const { id } = (await answer.json()) as { id?: string }
  return { status: answer.status, id: answer.status === 201 ? id : undefined }
}
