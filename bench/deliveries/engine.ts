/**
 * Latchkey's side, in a separate process, on a database with one published app: installs the app many times with the verb that
 * the consent page calls, and delivers with the worker that `npm start` runs.
 */
import { findRecipientKey } from '../../apps-registry/current-recipient.ts'
import { findApp } from '../../apps-registry/find-app.ts'
import { signUp } from '../../server/accounts/sign-up.ts'
import { readConfig } from '../../server/config.ts'
import { createDeps } from '../../server/deps.ts'
import { installApp } from '../../server/installs/install-app.ts'
import { listInstallationsOfApp } from '../../server/installs/list-installations.ts'
import { tellPlatform } from '../../server/installs/tell-platform.ts'
import { answerWith, spent } from './contender.ts'

const PER_TRANSACTION = 50
const appId = process.env['APP_ID'] ?? ''

const deps = await createDeps(readConfig(process.env))
const { database, clock, worker } = deps
await database.changes.start()
const found = await database.read(tx => findApp(tx, appId))
if (!found) throw new Error(`no app ${appId}`)
const app = found

/** Creates `count` installations, each in its own account and mode; their events stay pending. */
async function install(count: number): Promise<void> {
  const recipient = await findRecipientKey(deps, app)
  const passwordHash = await deps.passwords.hash('one password for everybody')
  for (let made = 0; made < count; ) {
    await database.transaction(async tx => {
      for (let part = 0; part < PER_TRANSACTION && made < count; part += 1) {
        const person = { email: `installer${made}@example.com`, passwordHash, accountName: 'Harbor Books', ip: '' }
        const { user, account } = await signUp(tx, deps, person)
        const { permissions } = app.manifest
        const command = {
          appId,
          accountId: account.id,
          userId: user.id,
          version: app.version,
          recipient,
          kept: undefined,
          permissions: permissions.map(({ name }) => name),
          actor: { type: 'user' as const, id: user.id, ip: '' },
        }
        for (const mode of ['live', 'test'] as const) {
          await installApp(tx, deps, { ...command, mode })
          made += 1
        }
      }
    })
  }
}

/**
 * Makes the keys' events pending again, as if just queued, with the same sealed bytes. On PostgreSQL the first write to a page
 * after a checkpoint logs the whole page; normally the queueing pays for that, so it happens before the measurement.
 */
async function requeue(): Promise<void> {
  if (database.kind === 'postgres') await database.knex.raw('checkpoint')
  const at = clock.now()
  await database.transaction(async tx => {
    await tx('deliveries')
      .whereNotNull('key_id')
      .update({ status: 'pending', attempts: 0, next_attempt_at: at, settled_at: null })
    await tx('keys').update({ delivered_at: null })
  })
  if (database.kind === 'sqlite') await database.knex.raw('pragma wal_checkpoint(truncate)')
}

async function pending(): Promise<number> {
  const row = await database.knex('deliveries').where({ status: 'pending' }).count({ count: '*' }).first()
  return Number(row?.['count'])
}

async function bodies(): Promise<{ id: string; body: string }[]> {
  return await database
    .knex('events')
    .join('deliveries', 'deliveries.event_id', 'events.id')
    .whereNotNull('deliveries.key_id')
    .select('events.id', 'events.body')
}

/** Queues one event in a separate transaction; returns its id and when the commit returned. */
async function queueOne(): Promise<{ id: string; at: string }> {
  const [installation] = await database.read(tx => listInstallationsOfApp(tx, { appId, limit: 1 }))
  if (!installation) throw new Error('there is no installation')
  await database.transaction(tx => tellPlatform(tx, deps, app, installation, [{ type: 'installation.updated' }]))
  const at = process.hrtime.bigint()
  const { id } = await database.knex('events').orderBy('id', 'desc').first('id')
  return { id, at: String(at) }
}

answerWith(
  async question => {
    switch (question['do']) {
      case 'install':
        await install(Number(question['count']))
        return {}
      case 'requeue':
        await requeue()
        return {}
      case 'deliver': {
        const cost = await spent(() => worker.runDue())
        if ((await pending()) > 0) throw new Error('something still waits')
        return cost
      }
      case 'bodies':
        return await bodies()
      case 'start':
        worker.start()
        return {}
      case 'queue':
        return await queueOne()
      case 'idle':
        return await spent(() => new Promise(resolve => setTimeout(resolve, Number(question['ms']))))
      default:
        throw new Error(`cannot ${question['do']}`)
    }
  },
  () => deps.close(),
)
