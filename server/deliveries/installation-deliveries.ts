import type { Tx } from '../../db/connect.ts'
import type { AttemptRow } from './attempt-store.ts'
import type { DeliveryRow } from './delivery-store.ts'
import type { EventType } from './event-type.ts'

type InstallationDelivery = DeliveryRow & {
  installation_id: string
  sequence: number
  type: EventType
  event_at: number
}
export type DeliveryView = InstallationDelivery & { last: AttemptRow | undefined }

const ofInstallations = (tx: Tx) =>
  tx('deliveries')
    .join('events', 'events.id', 'deliveries.event_id')
    .select('deliveries.*', 'events.type', 'events.created_at as event_at')

/** One page of an installation's deliveries, newest first; `before` is the sequence of the last item of the previous page. */
export async function pageDeliveriesOf(
  tx: Tx,
  page: { installationId: string; before?: number | undefined; limit: number },
): Promise<DeliveryView[]> {
  // Uses the index of the installation's events: its deliveries are indexed by status.
  const query = ofInstallations(tx).where('events.installation_id', page.installationId)
  if (page.before !== undefined) query.where('events.sequence', '<', page.before)
  return await withLastAttempts(tx, await query.orderBy('events.sequence', 'desc').limit(page.limit))
}

/** The deliveries of some keys in order, and of their installation the first pending one before them. */
export async function listKeyDeliveries(
  tx: Tx,
  installationId: string,
  keyIds: readonly string[],
): Promise<DeliveryView[]> {
  const pending: InstallationDelivery[] = await ofInstallations(tx)
    .where('deliveries.installation_id', installationId)
    .whereRaw("deliveries.status between 'pending' and 'pending'")
    .orderBy('deliveries.sequence')
    .limit(1)
  const own: InstallationDelivery[] = await ofInstallations(tx).whereIn('deliveries.key_id', [...keyIds])
  const rows = new Map([...pending, ...own].map(row => [row.id, row]))
  return await withLastAttempts(
    tx,
    [...rows.values()].sort((a, b) => a.sequence - b.sequence),
  )
}

async function withLastAttempts(tx: Tx, rows: readonly InstallationDelivery[]): Promise<DeliveryView[]> {
  const attempts: AttemptRow[] = await tx('delivery_attempts as a')
    .whereIn(
      'a.delivery_id',
      rows.map(row => row.id),
    )
    .whereRaw('a.number = (select max(b.number) from delivery_attempts as b where b.delivery_id = a.delivery_id)')
    .select('a.*')
  const last = new Map(attempts.map(attempt => [attempt.delivery_id, attempt]))
  return rows.map(row => ({ ...row, last: last.get(row.id) }))
}
