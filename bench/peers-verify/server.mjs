// better-auth's API-key plugin on SQLite, as its documentation sets it up, behind the smallest HTTP server: its verification
// is a function without an address of its own. Rate limits are lifted; everything else is as it comes.
//
//   node bench/peers-verify/server.mjs, with PORT, DATABASE (a file) and KEYS (how many); prints the keys as one line of JSON
import { createServer } from 'node:http'
import { DatabaseSync } from 'node:sqlite'
import { apiKey } from '@better-auth/api-key'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'

const { PORT = '', DATABASE = '', KEYS = '1000' } = process.env
const database = new DatabaseSync(DATABASE)
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')

const auth = betterAuth({
  database,
  secret: 'a secret that is used in this measurement only',
  baseURL: `http://127.0.0.1:${PORT}`,
  emailAndPassword: { enabled: true },
  plugins: [apiKey({ rateLimit: { enabled: false } })],
  telemetry: { enabled: false },
  logger: { disabled: true },
})
await (await getMigrations(auth.options)).runMigrations()
const { user } = await auth.api.signUpEmail({
  body: { email: 'mara@harborbooks.example', password: 'a long enough sentence', name: 'Mara' },
})
const keys = []
while (keys.length < Number(KEYS)) {
  const permissions = { charges: ['read', 'write'] }
  keys.push((await auth.api.createApiKey({ body: { userId: user.id, name: 'default', permissions } })).key)
}

createServer((req, res) => {
  let body = ''
  req.on('data', part => {
    body += part
  })
  req.on('end', async () => {
    const { key } = JSON.parse(body)
    const verdict = await auth.api.verifyApiKey({ body: { key, permissions: { charges: ['read'] } } })
    const text = JSON.stringify(verdict)
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
  })
}).listen(Number(PORT), '127.0.0.1', () => process.stdout.write(`${JSON.stringify(keys)}\n`))
process.once('SIGTERM', () => process.exit(0))
