import { AsyncLocalStorage } from 'node:async_hooks'
import type { Logo } from '../../apps-registry/check-manifest.ts'
import type { Manifest } from '../../apps-registry/manifest.ts'
import type { Tx } from '../../db/connect.ts'
import type { Session } from '../accounts/sessions.ts'
import type { Actor } from '../audit/actor.ts'
import type { AppError } from '../base/errors.ts'
import type { AppMeter } from './app-meter.ts'

/** What the adapter must know about the request; oidc-provider passes it ids and payloads only. */
export type OAuthRequest = {
  ip: string
  /**
   * At the authorization endpoint: the accounts of the signed-in person, none without a session. An app hidden from
   * them is no client there.
   */
  viewer?: { accountIds: readonly string[] }
  /** The meter of the caller; absent if a member or our own code calls. */
  meter?: AppMeter
  /** The session on our pages; for authorization requests only. */
  session?: Session | undefined
  /** An open transaction that the adapter's writes join. */
  tx?: Tx
  /** A member who registers an app on our pages and needs no token. Only our own code sets it, never a request. */
  registrant?: Registrant
  /** Why the member may not register, if that turned out only when the app was stored. */
  refusal?: AppError
  /** A registration whose manifest has been checked. */
  registration?: {
    platformId: string | undefined
    /** The initial or registration access token of the request; absent if a member registers. */
    token: string | undefined
    manifest: Manifest
    jwks: unknown
    logo: Logo | undefined
    /** Whether an update made a client secret; set by the adapter. */
    secretMade?: boolean
    /** Set by the adapter; shown once in the response. */
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

/** Makes writes of oidc-provider inside `work` join the caller's transaction. */
export async function withTransaction<Result>(tx: Tx, work: () => Promise<Result>): Promise<Result> {
  return await storage.run({ ip: '', ...storage.getStore(), tx }, work)
}
