import { DAY, HOUR, isoTime, MINUTE } from '../base/clock.ts'
import type { Moment } from './page-parts.ts'

const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' })
const shortDate = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' })
const clockTime = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  timeZone: 'UTC',
})

/** `12 March 2030` */
export const dateText = (at: number): string => date.format(at)
/** `12 Mar 2030` */
export const shortDateText = (at: number): string => shortDate.format(at)
/** `14:32:07 UTC` */
export const timeText = (at: number): string => `${clockTime.format(at)} UTC`
/** `14:32:07.114` */
export const preciseTimeText = (at: number): string => isoTime(at).slice(11, 23)

export const dateMoment = (at: number): Moment => ({ iso: isoTime(at), text: dateText(at) })
export const dayTimeMoment = (at: number): Moment => ({
  iso: isoTime(at),
  text: `${shortDateText(at)}, ${timeText(at)}`,
})

/** `Never`, `1 minute ago`, `2 hours ago`, `3 days ago`, or a date. */
export function agoText(at: number | null, now: number): string {
  if (at === null) return 'Never'
  const gone = Math.max(0, now - at)
  if (gone < MINUTE) return 'Just now'
  if (gone < HOUR) return `${counted(Math.floor(gone / MINUTE), 'minute')} ago`
  if (gone < DAY) return `${counted(Math.floor(gone / HOUR), 'hour')} ago`
  if (gone < 30 * DAY) return `${counted(Math.floor(gone / DAY), 'day')} ago`
  return dateText(at)
}

/** `1 key`, `3 keys` */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count.toLocaleString('en-GB')} ${count === 1 ? noun : plural}`
}

/** With a capital letter. */
export function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
