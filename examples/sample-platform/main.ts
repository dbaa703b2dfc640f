import { readConfig } from './config.ts'
import { startPlatform } from './start.ts'

try {
  const config = readConfig(process.env)
  const platform = await startPlatform(config)
  console.log(`${platform.name} (${platform.clientId}) listens on ${config.url}`)
  const stop = () => platform.stop().then(() => process.exit(0), fail)
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop)
} catch (error) {
  fail(error)
}

function fail(error: unknown): never {
  console.error(error instanceof Error ? error.message : error)
  process.exit(1)
}
