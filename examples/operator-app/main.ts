import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { readConfig } from './config.ts'

try {
  const config = readConfig(process.env)
  const server = createServer(createApp(config))
  server.once('error', fail)
  server.listen(config.port, config.host, () => {
    const { port } = server.address() as AddressInfo
    console.log(`Operator app listens on http://${config.host}:${port}`)
  })
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => server.close())
} catch (error) {
  fail(error)
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
