/**
 * Hashes a password for each request, with the server's thread and the lowest priority: the cost of hashing for anything else
 * on the machine.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPasswordLane } from '../../server/accounts/password-lane.ts'

const lane = createPasswordLane({ yields: true })
const job = { verb: 'check', password: 'wrong password here', passwordHash: undefined } as const
const server = createServer(async (_req, res) => {
  await lane.run(job, undefined)
  res.end()
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
process.on('SIGTERM', () => process.exit(0))
