import type { Provider } from 'oidc-provider'
import type { RecipientCaps } from '../../apps-registry/current-recipient.ts'
import type { Database } from '../../db/connect.ts'
import type { Caps } from '../base/caps.ts'
import type { Log } from '../base/log.ts'
import type { Worker } from '../deliveries/worker.ts'
import type { ReplaceCaps } from '../key-life/replace-leaked-keys.ts'
import type { MintCaps } from '../keys/mint-key.ts'
import type { UsageRecorder } from '../keys/usage-recorder.ts'
import type { RateLimits } from '../limits/rate-limits.ts'

/** What the operations of the platform API may use. */
export type ApiCaps = Caps &
  MintCaps &
  RecipientCaps &
  ReplaceCaps & {
    database: Database
    log: Log
    limits: RateLimits
    provider: Provider
    usage: Pick<UsageRecorder, 'flush'>
    worker: Pick<Worker, 'wake'>
    /** Work that continues after the response; a shutdown waits for it. It must not reject. */
    afterwards(work: Promise<void>): void
  }
