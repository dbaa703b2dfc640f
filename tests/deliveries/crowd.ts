import { announce } from '../../db/changes.ts'
import type { PublishedApp, World } from '../support/world.ts'

const ROWS_AT_ONCE = 50

/** Many installations of an app, each with an event that is due: rows as installs make them. */
export async function crowd({ deps }: World, app: PublishedApp, count: number): Promise<void> {
  const { ids, clock, database } = deps
  const at = clock.now()
  const { accountId, userId } = app.platform.person
  const body = JSON.stringify({ type: 'installation.updated', data: { sequence: 1 } })
  const rows = Array.from({ length: count }, (_, index) => {
    const [installation, event] = [ids.next('ins'), ids.next('evt')]
    const common = { app_id: app.id, installation_id: installation, sequence: 1, created_at: at }
    return {
      installation: {
        ...{ id: installation, app_id: app.id, account_id: accountId, mode: 'test', status: 'uninstalled' },
        ...{ generation: index + 1, version: 1, permissions: '[]', sequence: 1, installed_by: userId, created_at: at },
      },
      event: { id: event, type: 'installation.updated', body, ...common },
      delivery: {
        ...{ id: ids.next('dlv'), event_id: event, status: 'pending', attempts: 0, next_attempt_at: at },
        ...common,
      },
    }
  })
  await database.transaction(async tx => {
    for (const [table, part] of [
      ['installations', 'installation'],
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
