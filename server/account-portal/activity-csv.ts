import type { ExportedEntry } from './exported-entry.ts'

const COLUMNS = ['number', 'time', 'actor', 'event', 'what', 'object', 'app', 'address', 'data'] as const

/** The first line of a CSV export (RFC 4180). */
export const CSV_HEAD = `${COLUMNS.join(',')}\r\n`

/** One entry as a line of CSV. */
export function csvLine(entry: ExportedEntry): string {
  const cells: Record<(typeof COLUMNS)[number], string> = {
    number: String(entry.number),
    time: entry.at,
    actor: entry.actor.name,
    event: entry.sentence,
    what: entry.what,
    object: entry.object,
    app: entry.app_id ?? '',
    address: entry.ip,
    data: JSON.stringify(entry.data),
  }
  return `${COLUMNS.map(column => csvCell(cells[column])).join(',')}\r\n`
}

/**
 * A text as one cell (RFC 4180 §2). What a spreadsheet would run as a formula begins with an apostrophe, which it takes as
 * the mark of a text (CWE-1236).
 */
export function csvCell(text: string): string {
  const plain = /^[\s\p{Cf}]*[=+\-@\t\r\n＝＋－＠]/u.test(text) ? `'${text}` : text
  return /[",\r\n']/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}
