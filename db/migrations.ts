import type { Knex } from 'knex'
import * as accounts from './migrations/001-accounts.ts'
import * as apps from './migrations/002-apps.ts'
import * as oauth from './migrations/003-oauth.ts'
import * as installs from './migrations/004-installs.ts'
import * as deliveries from './migrations/005-deliveries.ts'
import * as usage from './migrations/006-usage.ts'
import * as platformApi from './migrations/007-platform-api.ts'
import * as redeliveries from './migrations/008-redeliveries.ts'
import * as pings from './migrations/009-pings.ts'
import * as upkeep from './migrations/010-upkeep.ts'
import * as restrictedKeys from './migrations/011-restricted-keys.ts'
import * as permissionUsage from './migrations/012-permission-usage.ts'
import * as changes from './migrations/013-changes.ts'
import * as leakedKeys from './migrations/015-leaked-keys.ts'
import * as roomyRows from './migrations/016-roomy-rows.ts'
import * as appTrust from './migrations/019-app-trust.ts'
import * as rotations from './migrations/020-rotations.ts'
import * as growth from './migrations/021-growth.ts'
import * as eventPositions from './migrations/022-deliveries.ts'
import * as operation from './migrations/023-operation.ts'
import * as rateLimits from './migrations/024-rate-limits.ts'
import * as withdrawals from './migrations/026-withdrawals.ts'
import * as heartbeats from './migrations/027-heartbeats.ts'
import * as pages from './migrations/028-pages.ts'
import * as listings from './migrations/029-listings.ts'

type Step = { name: string; migration: Knex.Migration }

/** Every step in order. A released step is never edited or renamed. */
const STEPS: Step[] = [
  { name: '001-accounts', migration: accounts },
  { name: '002-apps', migration: apps },
  { name: '003-oauth', migration: oauth },
  { name: '004-installs', migration: installs },
  { name: '005-deliveries', migration: deliveries },
  { name: '006-usage', migration: usage },
  { name: '007-platform-api', migration: platformApi },
  { name: '008-redeliveries', migration: redeliveries },
  { name: '009-pings', migration: pings },
  { name: '011-restricted-keys', migration: restrictedKeys },
  { name: '012-permission-usage', migration: permissionUsage },
  { name: '013-changes', migration: changes },
  { name: '010-upkeep', migration: upkeep }, // needs columns of 011
  { name: '015-leaked-keys', migration: leakedKeys },
  { name: '016-roomy-rows', migration: roomyRows },
  { name: '021-growth', migration: growth },
  { name: '024-rate-limits', migration: rateLimits },
  { name: '022-deliveries', migration: eventPositions },
  { name: '020-rotations', migration: rotations },
  { name: '019-app-trust', migration: appTrust },
  { name: '023-operation', migration: operation },
  { name: '027-heartbeats', migration: heartbeats },
  { name: '026-withdrawals', migration: withdrawals },
  { name: '028-pages', migration: pages },
  { name: '029-listings', migration: listings },
]

export const migrations: Knex.MigrationSource<Step> = {
  getMigrations: async () => STEPS,
  getMigrationName: step => step.name,
  getMigration: async step => step.migration,
}
