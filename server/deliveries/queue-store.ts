import type { Tx } from '../../db/connect.ts'

/** How many deliveries wait, and since when the oldest of those whose time has come; the index of what is pending answers. */
export async function queueState(tx: Tx, at: number): Promise<{ pending: number; oldestDueAt: number | undefined }> {
  const pending = () => tx('deliveries').whereRaw("status = 'pending'")
  const all: { count?: number | string } | undefined = await pending().count({ count: '*' }).first()
  const due: { oldest?: number | null } | undefined = await pending()
    .where('next_attempt_at', '<=', at)
    .min({ oldest: 'next_attempt_at' })
    .first()
  return { pending: Number(all?.count ?? 0), oldestDueAt: due?.oldest ?? undefined }
}
