import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, test } from 'node:test'
import { basic, post } from '../oauth/flow.ts'
import { countMade, rowsOf } from '../support/steps.ts'
import { createWorld, type PublishedApp } from '../support/world.ts'

const world = await createWorld({ worker: false })
after(() => world[Symbol.asyncDispose]())

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })
const OKP = generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' })
const UNUSABLE = {
  'RSA with e = 1': { ...RSA, e: 'AQ' },
  'X25519 of small order': { ...OKP, x: Buffer.alloc(32).toString('base64url') },
  'a member of the wrong type': { ...RSA, n: [] },
}

/** Stores a key as an earlier release did. */
async function storeKey({ id }: PublishedApp, jwk: object): Promise<void> {
  await world.deps.database.transaction(async tx => {
    const row = await tx('apps').where({ id }).first('client')
    const client = { ...JSON.parse(String(row?.client)), jwks: { keys: [{ ...jwk, use: 'enc', kid: 'one' }] } }
    await tx('apps')
      .where({ id })
      .update({ client: JSON.stringify(client) })
  })
}

for (const [what, jwk] of Object.entries(UNUSABLE)) {
  test(`${what}: consent, retry, rotate and mint are refused with the name of the field, and nothing is written`, async () => {
    const app = await world.app()
    const [owner, other] = [await world.person(), await world.person()]
    const { id } = await world.install(owner, app)
    await world.deliver()
    const [key] = await rowsOf(world, 'keys', { installation_id: id })
    await storeKey(app, jwk)
    const before = await countMade(world)

    const slug = await world.deps.database.read(tx => tx('apps').where({ id: app.id }).first('slug'))
    const page = await other.browser.get(`/interaction/install/${slug?.slug}`)
    const pressed = await other.browser.submit(page.form(), { decision: 'install' })
    assert.deepEqual([pressed.status, pressed.text.includes('no usable encryption key')], [409, true])
    for (const path of [`/apps/${id}/retry`, `/keys/${key?.['id']}/rotate`]) {
      const answer = await owner.browser.post(path, { overlap: '86400', reason: '' })
      assert.deepEqual([path, answer.status, answer.text.includes('no usable encryption key')], [path, 409, true])
    }
    const { body } = await post(`${world.url}/oauth/token`, { grant_type: 'client_credentials' }, basic(app))
    for (const path of [`/v1/installations/${id}/keys`, `/v1/keys/${key?.['id']}/rotate`]) {
      const answer = await fetch(world.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${body['access_token']}`, 'content-type': 'application/json' },
        body: path.endsWith('/rotate') ? '{}' : '{"name":"second"}',
      })
      const problem = (await answer.json()) as { code: string }
      assert.deepEqual([path, answer.status, problem.code], [path, 409, 'recipient_key_unusable'])
    }
    const portal = await app.platform.person.browser.get(`/platform/apps/${app.id}`)
    assert.equal(portal.status, 200)
    assert.match(portal.text, /None: no key can be made for this app/)
    assert.deepEqual(await countMade(world), before)
  })
}

test('a registration with members that are no strings is 400 and names the member', async () => {
  const platform = await world.platform()
  const receiver = await world.receiver()
  const hostile = { toString: 1, valueOf: 1 }
  for (const member of ['id_token_signed_response_alg', 'token_endpoint_auth_method', 'client_name', 'scope']) {
    const { status, body } = await world.register(platform, receiver, { [member]: hostile })
    assert.deepEqual([status, String(body['error_description']).split(' ')[0]], [400, member], JSON.stringify(body))
  }
})
