import { isSubject, kindsOf } from '../audit/activity-sentences.ts'
import type { ActivityFilter } from '../audit/list-activity.ts'
import { DAY } from '../base/clock.ts'
import type { Fault } from '../base/errors.ts'
import { isId } from '../base/ids.ts'

export const FILTERS = ['who', 'what', 'app', 'object', 'from', 'to'] as const

/** The filter as typed; an empty text is no filter. */
export type AskedActivity = Record<(typeof FILTERS)[number], string>

export type ReadActivityFilter = {
  asked: AskedActivity
  faults: Fault[]
  filter: Omit<ActivityFilter, 'accountId'>
}

const LONGEST = 120

/** Reads a filter from the query or from a form. With faults nothing is listed. */
export function readActivityFilter(input: Record<string, unknown>): ReadActivityFilter {
  const asked = Object.fromEntries(
    FILTERS.map(name => [
      name,
      String(input[name] ?? '')
        .trim()
        .slice(0, LONGEST),
    ]),
  ) as AskedActivity
  const faults = faultsOf(asked)
  if (faults.length > 0) return { asked, faults, filter: {} }
  const whats = isSubject(asked.what) ? kindsOf(asked.what) : asked.what ? [asked.what] : undefined
  const wholeApp = isId('app', asked.object) && (asked.app === '' || asked.app === asked.object)
  const to = dayOf(asked.to)
  const filter = {
    actorId: asked.who || undefined,
    whats,
    object: wholeApp ? undefined : asked.object || undefined,
    appId: wholeApp ? asked.object : asked.app || undefined,
    from: dayOf(asked.from),
    until: to === undefined ? undefined : to + DAY,
  }
  return { asked, faults, filter }
}

/** The address of a page with this filter. */
export function activityHref(path: string, asked: Partial<AskedActivity>, before?: number): string {
  const query = new URLSearchParams()
  for (const name of FILTERS) if (asked[name]) query.set(name, asked[name])
  if (before !== undefined) query.set('before', String(before))
  return query.size > 0 ? `${path}?${query}` : path
}

function faultsOf({ who, what, app, object, from, to }: AskedActivity): Fault[] {
  const wrong = (field: string, message: string, right: boolean) => (right ? [] : [{ field, message }])
  const [first, last] = [dayOf(from), dayOf(to)]
  return [
    ...wrong('who', 'Choose who acted from the list', /^[0-9a-z_-]*$/.test(who)),
    ...wrong(
      'what',
      'Choose what happened from the list',
      what === '' || isSubject(what) || /^[a-z_]+\.[a-z_]+$/.test(what),
    ),
    ...wrong('app', 'Choose an app from the list', app === '' || isId('app', app)),
    ...wrong(
      'object',
      'Enter an ID that begins with key_, ins_, app_ or dlv_',
      /^(?:[a-z]{2,4}_[0-9a-z]{26})?$/.test(object),
    ),
    ...wrong('from', 'Enter the first day as YYYY-MM-DD', from === '' || first !== undefined),
    ...wrong('to', 'Enter the last day as YYYY-MM-DD', to === '' || last !== undefined),
    ...wrong('to', 'The last day is before the first', first === undefined || last === undefined || first <= last),
  ]
}

/** The first millisecond of a day in UTC; undefined for anything else. */
function dayOf(text: string): number | undefined {
  const at = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00:00.000Z`) : Number.NaN
  return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== text ? undefined : at
}
