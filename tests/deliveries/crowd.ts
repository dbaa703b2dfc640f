import { announce } from '../../db/changes.ts'
import type { PublishedApp, World } from '../support/world.ts'

const ROWS_AT_ONCE = 50

/** Many installations of an app, each with a due event, inserted as rows. */
export async function crowd(world: World, app: PublishedApp, count: number): Promise<void> {
  await insertEvents(world, app, { installations: count, each: 1 })
}

/** One installation of an app with many events, of which only the first may be sent. */
export async function backlog(world: World, app: PublishedApp, count: number): Promise<void> {
  await insertEvents(world, app, { installations: 1, each: count })
}

async function insertEvents(
  { deps }: World,
  app: PublishedApp,
  { installations, each }: { installations: number; each: number },
): Promise<void> {
  const { ids, clock, database } = deps
  const at = clock.now()
  const body = JSON.stringify({ type: 'installation.updated', data: { sequence: 1 } })
  const installationsOfApp = installationRows(ids, app, { installations, each }, at)
  const rows = Array.from({ length: installations * each }, (_, index) => {
    const event = ids.next('evt')
    const installation = installationsOfApp[Math.floor(index / each)]?.id
    const common = { app_id: app.id, installation_id: installation, sequence: (index % each) + 1, created_at: at }
    return {
      event: { id: event, type: 'installation.updated', body, ...common },
      delivery: {
        id: ids.next('dlv'),
        event_id: event,
        status: 'pending',
        attempts: 0,
        next_attempt_at: at,
        ...common,
      },
    }
  })
  await database.transaction(async tx => {
    await tx.batchInsert('installations', installationsOfApp, ROWS_AT_ONCE)
    for (const [table, part] of [
      ['events', 'event'],
      ['deliveries', 'delivery'],
    ] as const)
      await tx.batchInsert(
        table,
        rows.map(row => row[part]),
        ROWS_AT_ONCE,
      )
    announce(tx, 'deliveries')
  })
}

function installationRows(
  ids: World['deps']['ids'],
  app: PublishedApp,
  { installations, each }: { installations: number; each: number },
  at: number,
) {
  const { accountId, userId } = app.platform.person
  return Array.from({ length: installations }, (_, index) => ({
    id: ids.next('ins'),
    app_id: app.id,
    account_id: accountId,
    mode: 'test',
    status: 'uninstalled',
    generation: index + 1,
    version: 1,
    permissions: '[]',
    sequence: each,
    installed_by: userId,
    created_at: at,
  }))
}
