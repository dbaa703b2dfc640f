import type { Provider } from 'oidc-provider'
import { createRunner } from '../base/runner.ts'
import { createProvider } from './provider.ts'
import type { ProviderCaps } from './provider-configuration.ts'
import { renewSigningKeys } from './signing-keys.ts'

/** The authorization server, and how it takes over the signing keys that another process has made. */
export type RenewingProvider = {
  /** For whatever does not sign. */
  provider: Provider
  /** Serves with the signing keys of now; a request that has begun is finished with those it began with. */
  serve: ReturnType<Provider['callback']>
  /** Looks for new signing keys; nothing after `stop`. */
  renew(): void
  /** Waits for the look that is in progress. */
  stop(): Promise<void>
}

/** Creates the authorization server, and a new one whenever the signing keys have changed. */
export function createRenewingProvider(caps: ProviderCaps): RenewingProvider {
  const { clock, log, database, signing } = caps
  const provider = createProvider(caps)
  let serve = provider.callback()
  let stopped = false
  const renewal = createRunner({
    clock,
    log,
    name: 'signing keys',
    heard: () => database.changes.connected(),
    shortestSleep: 0,
    async work() {
      if (await renewSigningKeys(database, caps, signing)) serve = createProvider(caps).callback()
      return undefined
    },
  })
  return {
    provider,
    serve: (req, res) => serve(req, res),
    renew() {
      if (stopped) return
      renewal.start()
      renewal.wake()
    },
    stop() {
      stopped = true
      return renewal.stop()
    },
  }
}
