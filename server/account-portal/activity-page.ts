import { SUBJECTS } from '../audit/activity-sentences.ts'
import type { ActivityEntry } from '../audit/list-activity.ts'
import { type Piece, sayActivity } from '../audit/say-activity.ts'
import { dayTimeMoment } from '../http/format.ts'
import type { FieldFault, Moment, OptionModel } from '../http/page-parts.ts'
import { type AskedActivity, activityHref, FILTERS } from './activity-filter.ts'
import type { NamesOf } from './activity-names.ts'

export type ActivityPage = {
  heading: string
  lede: string
  /** Absent on the page of the whole account. */
  crumb?: { href: string; text: string }
  /** The address of the page without a filter. */
  path: string
  who: OptionModel[]
  what: OptionModel[]
  /** Empty on the page of one app. */
  apps: OptionModel[]
  asked: AskedActivity
  filtered: boolean
  faults: FieldFault[]
  exportAction: string
  /** What the export form sends along: the account and the filter. */
  exported: { name: string; value: string }[]
  rows: ActivityRowModel[]
  older?: string
  newest?: string
}

type ActivityRowModel = {
  at: Moment
  sentence: Piece[]
  what: string
  whatHref: string
  object: string
  objectHref: string
  address: string
}

declare module '../http/page-parts.ts' {
  interface Pages {
    activity: ActivityPage
  }
}

export const ACTIVITY_PER_PAGE = 50

/** Whose log is shown, and where: the account's, or what it says about one app. */
export type ActivityView = Pick<ActivityPage, 'heading' | 'lede' | 'crumb' | 'path'> & { accountId: string }

type Choice = { id: string; name: string }

export type ActivityPageInput = {
  view: ActivityView
  asked: AskedActivity
  faults: FieldFault[]
  /** One more than a page has, where there are more. */
  found: readonly ActivityEntry[]
  namesOf: NamesOf
  actors: readonly Choice[]
  apps: readonly Choice[]
  paged: boolean
}

export function activityPage(input: ActivityPageInput): ActivityPage {
  const { view, asked, found } = input
  const entries = found.slice(0, ACTIVITY_PER_PAGE)
  const last = entries.at(-1)
  const { accountId, ...rest } = view
  return {
    ...rest,
    who: options(asked.who, 'Anyone', input.actors, 'Somebody else'),
    what: options(asked.what, 'Anything', SUBJECTS_OFFERED, asked.what),
    apps: input.apps.length > 0 ? options(asked.app, 'Any', input.apps, 'Another app') : [],
    asked,
    filtered: FILTERS.some(name => asked[name] !== ''),
    faults: input.faults,
    exportAction: `${view.path}/export`,
    exported: [
      { name: 'account', value: accountId },
      ...FILTERS.flatMap(name => (asked[name] ? { name, value: asked[name] } : [])),
    ],
    rows: entries.map(entry => rowOf(view.path, asked, entry, input.namesOf)),
    ...(found.length > ACTIVITY_PER_PAGE && last && { older: activityHref(view.path, asked, last.number) }),
    ...(input.paged && { newest: activityHref(view.path, asked) }),
  }
}

function rowOf(path: string, asked: AskedActivity, entry: ActivityEntry, namesOf: NamesOf): ActivityRowModel {
  const { stranger, ...names } = namesOf(entry)
  const actor = stranger ? names.actor : { ...names.actor, href: activityHref(path, { ...asked, who: entry.actor_id }) }
  return {
    at: dayTimeMoment(entry.at),
    sentence: sayActivity(entry, { ...names, actor }),
    what: entry.what,
    whatHref: activityHref(path, { ...asked, what: entry.what }),
    object: entry.object,
    objectHref: activityHref(path, { object: entry.object }),
    address: stranger ? '' : entry.ip,
  }
}

/** Programs act in the operator's log. */
const SUBJECTS_OFFERED: readonly Choice[] = Object.entries(SUBJECTS)
  .filter(([id]) => id !== 'programs')
  .map(([id, { text }]) => ({ id, name: text }))

/** The choices of a filter; a value that came from a link and is none of them is one too. */
function options(chosen: string, none: string, choices: readonly Choice[], other: string): OptionModel[] {
  const listed = chosen === '' || choices.some(({ id }) => id === chosen)
  const all = [{ id: '', name: none }, ...choices, ...(listed ? [] : [{ id: chosen, name: other }])]
  return all.map(({ id, name }) => ({ value: id, text: name, selected: id === chosen }))
}
