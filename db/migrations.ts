import type { Knex } from 'knex'
import * as accounts from './migrations/001-accounts.ts'
import * as activity from './migrations/002-activity.ts'
import * as apps from './migrations/003-apps.ts'
import * as oauth from './migrations/004-oauth.ts'
import * as installations from './migrations/005-installations.ts'
import * as keys from './migrations/006-keys.ts'
import * as deliveries from './migrations/007-deliveries.ts'
import * as usage from './migrations/008-usage.ts'
import * as requests from './migrations/009-requests.ts'
import * as operation from './migrations/010-operation.ts'
import * as people from './migrations/011-people.ts'
import * as accountOrigin from './migrations/012-account-origin.ts'
import * as adminKeys from './migrations/012-admin-keys.ts'
import * as ownSignIn from './migrations/013-own-sign-in.ts'
import * as signIn from './migrations/014-sign-in.ts'
import * as installRequests from './migrations/015-install-requests.ts'
import * as members from './migrations/015-members.ts'
import * as activityLists from './migrations/016-activity-lists.ts'

type Step = { name: string; migration: Knex.Migration }

/** Every step in order. From 0.2.0 on, a step in this list is never edited, renamed or moved: new ones are appended. */
const STEPS: Step[] = [
  { name: '001-accounts', migration: accounts },
  { name: '002-activity', migration: activity },
  { name: '003-apps', migration: apps },
  { name: '004-oauth', migration: oauth },
  { name: '005-installations', migration: installations },
  { name: '006-keys', migration: keys },
  { name: '007-deliveries', migration: deliveries },
  { name: '008-usage', migration: usage },
  { name: '009-requests', migration: requests },
  { name: '010-operation', migration: operation },
  { name: '011-people', migration: people },
  { name: '012-admin-keys', migration: adminKeys },
  { name: '012-account-origin', migration: accountOrigin },
  { name: '013-own-sign-in', migration: ownSignIn },
  { name: '014-sign-in', migration: signIn },
  { name: '015-members', migration: members },
  { name: '015-install-requests', migration: installRequests },
  { name: '016-activity-lists', migration: activityLists },
]

export const migrations: Knex.MigrationSource<Step> = {
  getMigrations: async () => STEPS,
  getMigrationName: step => step.name,
  getMigration: async step => step.migration,
}
