import type { Viewer } from './viewer.ts'

/**
 * The model of each page of views/, by the name of its template. Each page declares its own model beside the code that
 * makes it; templates only loop and branch over it. Every value is text that is ready to be shown: no template formats
 * a time, a number or a state.
 */
export interface Pages {
  error: ErrorPage
}

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'none'

/** A moment: machine-readable and as people read it (UTC). */
export type Moment = { iso: string; text: string }

/** A state as a word with its tone; `waiting` draws a hollow dot; `note` is the small line below. */
export type StatusModel = { text: string; tone: Tone; waiting?: boolean; note?: string }

export type NoticeModel = { tone: Tone; strong: string; text: string; action?: { href: string; text: string } }

export type NavItem =
  | 'marketplace'
  | 'apps'
  | 'keys'
  | 'activity'
  | 'members'
  | 'requests'
  | 'security'
  | 'platform'
  | 'none'

/** Given to every page by the renderer. */
export type Frame = {
  brand: { name: string; logo: string }
  /** Without brand; the layout appends it, and puts "Error: " before it if `faults` is not empty. */
  title: string
  nav: NavItem
  viewer?: Viewer
  /** The current path, to return to after switching accounts. */
  here: string
  flash?: NoticeModel
  requestId: string
}

/** One fault of a submitted form: the id of the control and a sentence. */
export type FieldFault = { field: string; message: string }

/** An app as it is shown everywhere. */
export type AppBadge = { name: string; logo: string }

export type OptionModel = { value: string; text: string; selected: boolean }

export type ErrorPage = {
  status: number
  heading: string
  text: string
  actions: { href: string; text: string; primary: boolean }[]
}
