import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Request, Response } from 'express'
import type { Database, Tx } from '../../db/connect.ts'
import { memberOf, signedIn } from '../accounts/session-guard.ts'
import { checkpointsOf } from '../audit/checkpoints.ts'
import { type ActivityFilter, listActivity, type Position } from '../audit/list-activity.ts'
import { recordActivity } from '../audit/record-activity.ts'
import type { Caps } from '../base/caps.ts'
import { isoTime } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Config } from '../config.ts'
import type { RateLimits } from '../limits/rate-limits.ts'
import { CSV_HEAD, csvLine } from './activity-csv.ts'
import { activityHref, readActivityFilter } from './activity-filter.ts'
import { loadActivityNames } from './activity-names.ts'
import { type ExportedEntry, exportedEntry } from './exported-entry.ts'

export type ExportCaps = Caps & { config: Config; database: Database; limits: RateLimits }

const BATCH = 500
const FORMATS = {
  csv: { name: 'CSV', type: 'text/csv; charset=utf-8', head: CSV_HEAD, line: csvLine },
  ndjson: {
    name: 'NDJSON',
    type: 'application/x-ndjson; charset=utf-8',
    head: '',
    line: (entry: ExportedEntry) => `${JSON.stringify(entry)}\n`,
  },
}

/**
 * Sends every entry that matches the filter of the form as a file, the newest first, and logs that it did. Entries are
 * read in batches as fast as the client takes them. Throws `request.rate_limited` and `request.invalid`.
 */
export async function exportActivity(caps: ExportCaps, req: Request, res: Response, appId?: string): Promise<void> {
  const actor = memberOf(res)
  await caps.limits.spend(['activity_export', actor.id])
  const input = (req.body ?? {}) as Record<string, unknown>
  const { asked, faults, filter } = readActivityFilter(input)
  if (faults.length > 0) throw new AppError('request.invalid', { faults })
  const format = FORMATS[input['format'] === 'ndjson' ? 'ndjson' : 'csv']
  const { account } = signedIn(res).current
  const at = caps.clock.now()
  const data = { format: format.name, filter: activityHref('', asked) }
  const act = { actor, what: 'activity.exported', object: appId ?? account.id, at, data }
  await caps.database.transaction(tx => recordActivity(tx, caps, [account.id], [act]))
  res.status(200).set({
    'Content-Type': format.type,
    'Content-Disposition': `attachment; filename="activity-${isoTime(at).slice(0, 10)}.${format.name.toLowerCase()}"`,
    'Cache-Control': 'no-store',
  })
  const wanted = { ...filter, accountId: account.id, appId: appId ?? filter.appId }
  try {
    await pipeline(Readable.from(linesOf(caps, wanted, format), { objectMode: true, highWaterMark: 1 }), res)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error // the client has left
  }
}

async function* linesOf(
  caps: ExportCaps,
  filter: ActivityFilter,
  { head, line }: (typeof FORMATS)['csv'],
): AsyncGenerator<string> {
  if (head) yield head
  for (let before: Position | undefined; ; ) {
    const from = before
    const entries = await caps.database.read(tx => readBatch(tx, caps, filter, from))
    if (entries.exported.length > 0) yield entries.exported.map(line).join('')
    before = entries.last
    if (!before) return
  }
}

async function readBatch(tx: Tx, { config }: ExportCaps, filter: ActivityFilter, before: Position | undefined) {
  const rows = await listActivity(tx, filter, before, BATCH)
  const namesOf = await loadActivityNames(tx, { accountId: filter.accountId, brand: config.brand.name }, rows)
  const checkpoints = await checkpointsOf(
    tx,
    filter.accountId,
    rows.map(({ number }) => number),
  )
  const exported = rows.map(row => exportedEntry(row, namesOf, checkpoints.get(row.number)))
  return { exported, last: rows.length === BATCH ? rows.at(-1) : undefined }
}
