import cluster from 'node:cluster'
import type { AddressInfo } from 'node:net'
import { createListener } from './app.ts'
import { createAllowedRule } from './base/addresses.ts'
import { DatabaseAway, FileFault, SchemaFault } from './base/errors.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { createDeps, type Deps } from './deps.ts'
import { startBeating } from './heartbeat.ts'
import { createWebServer } from './http/web-server.ts'
import { startSweeping } from './sweep.ts'
import { startUpkeep } from './upkeep.ts'
import { type Front, hearFirstProcess, startWebProcesses } from './web-processes.ts'

const GRACE = 9_000
/** How long a shutdown waits for requests, in milliseconds, before it closes the remaining connections. */
const PATIENCE = 4_000

/** Starts the roles in ROLES and stops them on SIGTERM or SIGINT. Only this file touches the process. */
async function main(): Promise<void> {
  const config = readConfig(process.env)
  const deps = await createDeps(config)
  await deps.database.changes.start()
  deps.metrics.watchProcess()
  if (cluster.isWorker) hearFirstProcess(deps.pulses)
  const front = config.roles.has('web') ? await startFront(deps) : undefined
  if (config.roles.has('worker')) deps.worker.start()
  const stopSweeping = config.roles.has('worker') ? startSweeping(deps) : () => undefined
  const stopUpkeep = config.roles.has('worker') ? startUpkeep(deps) : async () => undefined
  const stopBeating = config.roles.has('worker') ? startBeating(deps) : async () => undefined
  let stopping = false
  const stop = (): void => {
    if (stopping) return
    stopping = true
    stopSweeping()
    setTimeout(() => process.exit(1), GRACE).unref()
    closeAll([front?.stop(), stopUpkeep(), stopBeating()], deps).then(
      () => process.exit(0),
      error => {
        deps.log.error({ err: error }, 'shutdown failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop) // a second signal must not interrupt the shutdown
  process.on('SIGINT', stop)
  if (cluster.isWorker) return // the parent process prints for all
  process.stdout.write(
    front ? `Latchkey listens on ${urlOf(front)} as ${config.publicUrl}\n` : 'Latchkey worker is running\n',
  )
}

async function startFront(deps: Deps): Promise<Front> {
  const { webConcurrency } = deps.config
  return webConcurrency > 1 ? await startWebProcesses(webConcurrency, deps) : await listen(deps)
}

async function listen(deps: Deps): Promise<Front> {
  const server = createWebServer(createListener(deps), { isProxy: proxyRule(deps.config.trustProxy) })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(deps.config.port, deps.config.host, resolve)
  })
  return {
    address: server.address() as AddressInfo,
    async stop() {
      const closed = new Promise(resolve => server.close(resolve))
      const sweepIdle = setInterval(() => server.closeIdleConnections(), 100) // connections whose request has just finished
      const impatient = setTimeout(() => server.closeAllConnections(), PATIENCE)
      await closed
      clearInterval(sweepIdle)
      clearTimeout(impatient)
    },
  }
}

/** Whether TRUST_PROXY names a peer as a proxy; if it is a number, every peer counts as one. */
function proxyRule(trusted: Config['trustProxy']): (address: string) => boolean {
  return typeof trusted === 'object' ? createAllowedRule(trusted) : () => trusted !== false && trusted > 0
}

/** Stops accepting, finishes requests in flight, then closes the database. */
async function closeAll(stopped: (Promise<void> | undefined)[], deps: Deps): Promise<void> {
  await Promise.all(stopped)
  await deps.close()
}

function urlOf({ address: { address, port } }: Front): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}

main().catch(error => {
  const known = [ConfigError, DatabaseAway, FileFault, SchemaFault].some(kind => error instanceof kind)
  process.stderr.write(`${known ? error.message : (error?.stack ?? String(error))}\n`)
  process.exit(1)
})
