/**
 * A minimal verification: node:http reads the body, JSON.parse, SHA-256 of the key, a lookup in a Map, and a response as long
 * as Latchkey's. Requires no verifier key, checks nothing, revokes nothing, counts nothing.
 *
 *   node bench/verification/bare-verifier.ts, with PORT and KEYS (how many)
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { benchKey, benchKeyId } from './bench-keys.ts'

const { PORT = '', KEYS = '' } = process.env
const hashOf = (key: string) => createHash('sha256').update(key).digest('base64url')

const records = new Map<string, object>()
for (let index = 0; index < Number(KEYS); index += 1) {
  records.set(hashOf(benchKey(index)), {
    valid: true,
    key_id: benchKeyId(index),
    type: 'managed',
    account_id: 'acct_00000000000000000000000001',
    installation_id: 'ins_00000000000000000000000001',
    app_id: 'app_00000000000000000000000001',
    mode: 'live',
    permissions: ['charges:read', 'charges:write', 'customers:read'],
    expires_at: null,
  })
}

const server = createServer((req, res) => {
  let body = ''
  req.on('data', part => {
    body += part
  })
  req.on('end', () => {
    const { key } = JSON.parse(body) as { key: string }
    const text = JSON.stringify(records.get(hashOf(key)) ?? { valid: false, code: 'not_found' })
    res.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': text.length }).end(text)
  })
})
server.listen(Number(PORT), '127.0.0.1', () => process.stdout.write('The bare verifier listens\n'))
process.once('SIGTERM', () => process.exit(0))
