import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { Provider } from 'oidc-provider'
import { createBrowserSession } from '../support/browser-session.ts'
import { createWorld, type World } from '../support/world.ts'

const identityOf = (issuer: string, id: string, secret: string) => ({
  IDENTITY_ISSUER: issuer,
  IDENTITY_CLIENT_ID: id,
  IDENTITY_CLIENT_SECRET: secret,
})

const identitiesOf = async (world: World) =>
  await world.deps.database
    .knex('identities')
    .join('users', 'users.id', 'identities.user_id')
    .select('issuer', 'subject', 'users.email', 'users.name')

test('a bare oidc-provider, with claims in userinfo, signs a person in', async t => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => new Promise(resolve => server.close(resolve)))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await using world = await createWorld({ worker: false, env: identityOf(issuer, 'latchkey', 'a secret of a client') })
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'latchkey',
        client_secret: 'a secret of a client',
        redirect_uris: [`${world.url}/signin/callback`],
      },
    ],
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
    cookies: { keys: ['tests'] },
    findAccount: (_ctx, sub) => ({
      accountId: sub,
      claims: async () => ({ sub, email: `${sub}@example.com`, email_verified: true, name: 'Mara Lind' }),
    }),
  })
  server.on('request', provider.callback())
  const [here, there] = [createBrowserSession(world.url), createBrowserSession(issuer)]
  for (const path of ['/signin/identity?return_to=/keys', '/signin/identity?return_to=/keys&again=password']) {
    const login = await there.follow(await there.get((await here.get(path)).location ?? ''))
    const consent = await there.follow(await there.submit(login.form(), { login: 'mara', password: 'any' }))
    const back = consent.location ? consent : await there.follow(await there.submit(consent.form()))
    const answer = await here.get(back.location ?? '')
    assert.equal(answer.location, `${world.url}/keys`, answer.text)
  }
  assert.deepEqual(await identitiesOf(world), [
    { issuer, subject: 'mara', email: 'mara@example.com', name: 'Mara Lind' },
  ])
})

test('a second Latchkey signs a person in, by their id alone', async () => {
  await using idp = await createWorld({ worker: false })
  const redirect = 'http://127.0.0.1:9/signin/callback'
  const app = await idp.app({ metadata: { redirect_uris: [redirect] } })
  const person = await idp.person()
  await using world = await createWorld({
    worker: false,
    env: {
      ...identityOf(idp.url, app.id, app.registered.client_secret),
      IDENTITY_SCOPES: 'openid charges:read',
    },
  })
  await app.platform.person.browser.get('/')
  const changed = await fetch(String(app.registered['registration_client_uri']), {
    headers: { authorization: `Bearer ${app.registered['registration_access_token']}` },
  })
  const {
    registration_access_token: _token,
    registration_client_uri: _uri,
    client_secret_expires_at: _expires,
    client_id_issued_at: _issued,
    ...manifest
  } = (await changed.json()) as Record<string, unknown>
  const updated = await fetch(String(app.registered['registration_client_uri']), {
    method: 'PUT',
    headers: {
      authorization: `Bearer ${app.registered['registration_access_token']}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ ...manifest, redirect_uris: [`${world.url}/signin/callback`] }),
  })
  assert.equal(updated.status, 200, await updated.text())
  const here = createBrowserSession(world.url)
  const away = (await here.get('/signin/identity?return_to=/keys')).location ?? ''
  const consent = await person.browser.follow(await person.browser.get(away))
  const back = await person.browser.follow(await person.browser.submit(consent.form(), { decision: 'install' }))
  const answer = await here.get(back.location ?? '')
  assert.equal(answer.location, `${world.url}/keys`, `${back.location} ${answer.text}`)
  const [identity] = await identitiesOf(world)
  assert.deepEqual([identity?.issuer, identity?.subject], [idp.url, person.userId])
})
