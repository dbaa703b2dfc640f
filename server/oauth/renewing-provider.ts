import type { Provider } from 'oidc-provider'
import { createRunner } from '../base/runner.ts'
import { createProvider } from './provider.ts'
import type { ProviderCaps } from './provider-configuration.ts'
import { renewSigningKeys } from './signing-keys.ts'

/** The authorization server, which switches to signing keys made by another process. */
export type RenewingProvider = {
  /** For code that does not sign. */
  provider: Provider
  /** Serves with the current signing keys; a request in progress finishes with those it began with. */
  serve: ReturnType<Provider['callback']>
  /** Checks for new signing keys; does nothing after `stop`. */
  renew(): void
  /** Waits for the check in progress. */
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
