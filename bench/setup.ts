/**
 * The data before the measurement: signed-in people with an account each, and one published app. The product's own verbs create
 * it before the server starts; all people share one password hash, because sign-in is not measured.
 */
import { createPlatform } from '../apps-registry/create-platform.ts'
import { startSession } from '../server/accounts/sessions.ts'
import { signUp } from '../server/accounts/sign-up.ts'
import { readConfig } from '../server/config.ts'
import { createDeps } from '../server/deps.ts'
import type { Client } from './authorization-client.ts'

const PEOPLE_PER_TRANSACTION = 100
const REDIRECT_URI = 'http://127.0.0.1:9/callback'

/** Creates the people and a platform; returns each person's cookie and the platform's registration token. */
export async function createPeople(
  env: Record<string, string>,
  count: number,
): Promise<{ cookies: string[]; registrationToken: string }> {
  const deps = await createDeps(readConfig(env))
  const passwordHash = await deps.passwords.hash('one password for everybody')
  const cookies: string[] = []
  let owner = ''
  while (cookies.length < count) {
    await deps.database.transaction(async tx => {
      for (let made = 0; made < PEOPLE_PER_TRANSACTION && cookies.length < count; made += 1) {
        const email = `person${cookies.length}@example.com`
        const { user, account } = await signUp(tx, deps, { email, passwordHash, accountName: 'Harbor Books', ip: '' })
        const { token } = await startSession(tx, deps, {
          userId: user.id,
          ip: '',
          userAgent: 'bench',
          life: deps.config.sessionLife,
        })
        cookies.push(`latchkey=${token}`)
        owner ||= account.id
      }
    })
  }
  const actor = { type: 'operator' as const, id: 'bench', ip: '' }
  const { registrationToken } = await deps.database.transaction(tx =>
    createPlatform(tx, deps, { accountId: owner, name: 'Shipyard, Inc.', actor }),
  )
  await deps.close()
  return { cookies, registrationToken }
}

/** Registers the app over HTTP; with REVIEW=off it is published at once. */
export async function registerApp(
  origin: string,
  registrationToken: string,
  delivery: { url: string; jwks: object },
): Promise<Client> {
  const answer = await fetch(`${origin}/oauth/register`, {
    method: 'POST',
    headers: { authorization: `Bearer ${registrationToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Shipyard Hosting',
      redirect_uris: [REDIRECT_URI],
      key_delivery_uri: delivery.url,
      jwks: delivery.jwks,
      tagline: 'Deploys your shop and keeps its payment keys fresh.',
      description: 'Push a branch, and it goes online.',
      categories: ['Hosting'],
      permissions: [
        { name: 'charges:read', purpose: 'To show today’s takings.' },
        { name: 'charges:write', purpose: 'To take payments.' },
        { name: 'customers:read', purpose: 'To fill in the customer.' },
      ],
    }),
  })
  const body = (await answer.json()) as { client_id: string; client_secret: string; status: string }
  if (answer.status !== 201 || body.status !== 'published') throw new Error(`not published: ${JSON.stringify(body)}`)
  return { id: body.client_id, secret: body.client_secret, redirectUri: REDIRECT_URI }
}
