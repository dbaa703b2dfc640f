import { AsyncLocalStorage } from 'node:async_hooks'
import type { Logo } from '../../apps-registry/check-manifest.ts'
import type { Manifest } from '../../apps-registry/manifest.ts'
import type { Tx } from '../../db/connect.ts'
import type { Session } from '../accounts/sessions.ts'
import type { Actor } from '../audit/actor.ts'
import type { AppError } from '../base/errors.ts'
import type { AppMeter } from './app-meter.ts'

/** What the adapter must know of the request that it serves; oidc-provider itself hands it only ids and payloads. */
export type OAuthRequest = {
  ip: string
  /**
   * At the authorization endpoint: the accounts of the person whose browser asks, none without a session. An app that they
   * may not know of is no client there.
   */
  viewer?: { accountIds: readonly string[] }
  /** Who is counted; absent if a member or our own code asks. */
  meter?: AppMeter
  /** Who is signed in on our pages; of authorization requests only. */
  session?: Session | undefined
  /** An open transaction that the adapter's writes join. */
  tx?: Tx
  /** A member who registers an app on our pages: they need no token. Only our own code sets it, never a request. */
  registrant?: Registrant
  /** Why the member may not, where that turned out only when the app was stored. */
  refusal?: AppError
  /** A registration whose manifest has been checked. */
  registration?: {
    platformId: string | undefined
    /** What the request was allowed by, an initial or a registration access token; absent if a member registers. */
    token: string | undefined
    manifest: Manifest
    jwks: unknown
    logo: Logo | undefined
    /** Whether an update made a client secret; set by the adapter. */
    secretMade?: boolean
    /** Set by the adapter, shown once in the answer. */
    created?: { status: string; webhookSecret: string }
  }
}

export type Registrant = { platformId: string; appId: string; actor: Actor }

const storage = new AsyncLocalStorage<OAuthRequest>()

export function runWithRequest<Result>(request: OAuthRequest, work: () => Result): Result {
  return storage.run(request, work)
}

export function currentRequest(): OAuthRequest | undefined {
  return storage.getStore()
}

/** Lets what oidc-provider stores inside `work` join the caller's transaction. */
export async function withTransaction<Result>(tx: Tx, work: () => Promise<Result>): Promise<Result> {
  return await storage.run({ ip: '', ...storage.getStore(), tx }, work)
}
