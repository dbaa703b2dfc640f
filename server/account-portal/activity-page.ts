import type { ActivityEntry } from '../audit/list-activity.ts'
import { dayTimeMoment } from '../http/format.ts'
import type { Moment } from '../http/page-parts.ts'

export type ActivityPage = {
  rows: { at: Moment; actor: string; what: string; object: string; address: string }[]
  older?: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    activity: ActivityPage
  }
}

/** One entry of the log, with the name of who acted. */
export function rowOf(
  row: ActivityEntry,
  names: ReadonlyMap<string, { name: string; stranger: boolean }>,
): ActivityPage['rows'][number] {
  const actor = names.get(row.actor_id)
  return {
    at: dayTimeMoment(row.at),
    actor: actor?.name ?? row.actor_id,
    what: row.what,
    object: row.object,
    address: actor?.stranger ? '' : row.ip,
  }
}
