import { connect, type Database, migrate } from '../db/connect.ts'
import { loadActivityKey } from './audit/activity-key.ts'
import type { Caps } from './base/caps.ts'
import { type Clock, systemClock } from './base/clock.ts'
import { createIds } from './base/ids.ts'
import { createKeyring } from './base/keyring.ts'
import { createLog, type Log } from './base/log.ts'
import { createOutbound, type Outbound } from './base/outbound.ts'
import { type Random, systemRandom } from './base/random.ts'
import type { ResolveName } from './base/resolve-name.ts'
import { readRootSecrets } from './base/root-secret.ts'
import type { Config } from './config.ts'
import { requireRoots } from './reencrypt.ts'

/** What every other dependency is built from. */
export type BaseDeps = Caps & {
  config: Config
  log: Log
  database: Database
  outbound: Outbound
  publicUrl: string
  keyBrand: string
  keyLimits: Config['keyLimits']
  review: Config['review']
}

/** Replacements for tests. */
export type Overrides = { clock?: Clock; random?: Random; log?: Log; outboundTimeoutMs?: number; lookup?: ResolveName }

/** Opens the database, migrates it and reads the secrets. */
export async function createBaseDeps(config: Config, overrides: Overrides): Promise<BaseDeps> {
  const clock = overrides.clock ?? systemClock
  const random = overrides.random ?? systemRandom
  const log = overrides.log ?? createLog(config.logLevel)
  const keyring = createKeyring(readRootSecrets(config, random), random)
  const database = connect(config.database)
  try {
    await migrate(database)
    await requireRoots(database, keyring)
  } catch (fault) {
    await database.close() // an open database would keep the process alive
    throw fault
  }
  const activityKey = await loadActivityKey(database, { keyring, random })
  const outbound = createOutbound({
    allow: config.egressAllow,
    ...(overrides.outboundTimeoutMs && { timeoutMs: overrides.outboundTimeoutMs }),
    ...(overrides.lookup && { lookup: overrides.lookup }),
  })
  const { publicUrl, keyBrand, keyLimits, review } = config
  const caps: Caps = { clock, random, keyring, activityKey, ids: createIds(clock, random) }
  return { ...caps, config, log, database, outbound, publicUrl, keyBrand, keyLimits, review }
}
