/**
 * The baseline for Latchkey: oidc-provider alone, its state in a Map that is never swept, no database, no pages, no keys, no
 * deliveries, no activity log. It responds to the same five requests and issues the same kinds of token as an install: an
 * opaque access token and a refresh token, no ID token. One interaction covers login and consent; its page is a constant and
 * its form is not read.
 *
 *   node bench/bare-provider.ts, with PORT, CLIENT_ID, CLIENT_SECRET and REDIRECT_URI
 */
import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { type Adapter, type AdapterPayload, Provider } from 'oidc-provider'

const { PORT = '', CLIENT_ID = '', CLIENT_SECRET = '', REDIRECT_URI = '' } = process.env
const SCOPES = ['charges:read', 'charges:write', 'customers:read']
const PAGE = '<!doctype html><title>Consent</title><form method="post"><button>Install app</button></form>'

const rows = new Map<string, AdapterPayload>()
const keyOfUid = new Map<string, string>()
const keysOfGrant = new Map<string, string[]>()

function createMapAdapter(model: string): Adapter {
  const keyOf = (id: string) => `${model}:${id}`
  return {
    async upsert(id, payload) {
      rows.set(keyOf(id), payload)
      if (payload.uid) keyOfUid.set(payload.uid, keyOf(id))
      if (!payload.grantId) return
      const keys = keysOfGrant.get(payload.grantId)
      if (keys) keys.push(keyOf(id))
      else keysOfGrant.set(payload.grantId, [keyOf(id)])
    },
    find: async id => rows.get(keyOf(id)),
    findByUid: async uid => rows.get(keyOfUid.get(uid) ?? ''),
    findByUserCode: async () => undefined,
    async consume(id) {
      const row = rows.get(keyOf(id))
      if (row) row.consumed = Math.floor(Date.now() / 1_000)
    },
    destroy: async id => void rows.delete(keyOf(id)),
    async revokeByGrantId(grantId) {
      for (const key of keysOfGrant.get(grantId) ?? []) rows.delete(key)
      keysOfGrant.delete(grantId)
    },
  }
}

const { privateKey } = await generateKeyPair('ES256', { extractable: true })
const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  adapter: createMapAdapter,
  jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'bench', alg: 'ES256', use: 'sig' }] },
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  clients: [
    {
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  ],
  scopes: SCOPES,
  responseTypes: ['code'],
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  expiresWithSession: async () => false,
  findAccount: async (_ctx, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
  cookies: { keys: ['a key that signs cookies in this measurement only'] },
  ttl: {
    AccessToken: 3_600,
    AuthorizationCode: 60,
    Grant: 86_400,
    Interaction: 3_600,
    RefreshToken: 86_400,
    Session: 86_400,
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  features: { devInteractions: { enabled: false } },
})

const serve = provider.callback()
let people = 0

const server = createServer(async (req, res) => {
  if (!req.url?.startsWith('/interaction/')) return await serve(req, res)
  const { params } = await provider.interactionDetails(req, res)
  if (req.method === 'GET') return void res.setHeader('content-type', 'text/html').end(PAGE)
  req.resume()
  const accountId = `person${people++}`
  const grant = new provider.Grant({ accountId, clientId: String(params['client_id']) })
  grant.addOIDCScope(SCOPES.join(' '))
  const grantId = await grant.save()
  await provider.interactionFinished(req, res, { login: { accountId, remember: false }, consent: { grantId } })
})
server.listen(Number(PORT), '127.0.0.1', () => process.stdout.write('The bare provider listens\n'))
process.once('SIGTERM', () => process.exit(0))
