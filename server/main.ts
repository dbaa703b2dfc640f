import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createApp } from './app.ts'
import { ConfigError, readConfig } from './config.ts'
import { createDeps, type Deps } from './deps.ts'
import { startSweeping } from './sweep.ts'

const GRACE = 9_000
/** How long a stop waits for requests, before it hangs up on callers that do not finish theirs. */
const PATIENCE = 4_000

/** Starts what ROLES names and stops it on SIGTERM or SIGINT. The one place that touches the process. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const deps = await createDeps(config)
  await deps.database.changes.start()
  const server = config.roles.has('web') ? await listen(deps) : undefined
  if (config.roles.has('worker')) deps.worker.start()
  const stopSweeping = config.roles.has('worker') ? startSweeping(deps) : () => undefined
  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    stopSweeping()
    setTimeout(() => process.exit(1), GRACE).unref()
    closeAll(server, deps).then(
      () => process.exit(0),
      error => {
        deps.log.error({ err: error }, 'could not stop in good order')
        process.exit(1)
      },
    )
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  process.stdout.write(
    server ? `Latchkey listens on ${addressOf(server)} as ${config.publicUrl}\n` : 'Latchkey delivers\n',
  )
}

async function listen(deps: Deps): Promise<Server> {
  const server = createServer(createApp(deps))
  server.requestTimeout = 30_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(deps.config.port, deps.config.host, resolve)
  })
  return server
}

/** Takes nothing new, finishes what is in flight, then lets go of the database. */
async function closeAll(server: Server | undefined, deps: Deps): Promise<void> {
  if (server) {
    const closed = new Promise(resolve => server.close(resolve))
    const sweepIdle = setInterval(() => server.closeIdleConnections(), 100) // those that finish a request meanwhile
    const impatient = setTimeout(() => server.closeAllConnections(), PATIENCE)
    await closed
    clearInterval(sweepIdle)
    clearTimeout(impatient)
  }
  await deps.close()
}

function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

main().catch(error => {
  process.stderr.write(`${error instanceof ConfigError ? error.message : (error?.stack ?? String(error))}\n`)
  process.exit(1)
})
