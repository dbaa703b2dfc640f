import type { ActivityEntry } from '../audit/list-activity.ts'
import { plainText, sayActivity } from '../audit/say-activity.ts'
import { isoTime } from '../base/clock.ts'
import type { NamesOf } from './activity-names.ts'

/** One line of an export. */
export type ExportedEntry = {
  number: number
  at: string
  actor: { type: string; id: string | null; name: string }
  what: string
  sentence: string
  object: string
  app_id: string | null
  account_id: string
  ip: string
  data: Record<string, unknown>
  hash: string
  /** Where the chain was signed at this entry: the checkpoint, a compact JWS (RFC 7515 §7.1). */
  checkpoint?: string
}

/** An entry as its account may see it: a stranger has neither an id nor an address. */
export function exportedEntry(entry: ActivityEntry, namesOf: NamesOf, checkpoint: string | undefined): ExportedEntry {
  const names = namesOf(entry)
  const { stranger, actor } = names
  return {
    number: entry.number,
    at: isoTime(entry.at),
    actor: { type: entry.actor_type, id: stranger ? null : entry.actor_id, name: actor.text },
    what: entry.what,
    sentence: plainText(sayActivity(entry, names)),
    object: entry.object,
    app_id: entry.app_id,
    account_id: entry.account_id,
    ip: stranger ? '' : entry.ip,
    data: JSON.parse(entry.data),
    hash: entry.hash,
    ...(checkpoint !== undefined && { checkpoint }),
  }
}
