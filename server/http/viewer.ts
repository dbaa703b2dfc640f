import type { Response } from 'express'

/** The person and the account they are looking at; absent on pages for strangers. */
export type Viewer = {
  email: string
  initials: string
  account: { id: string; name: string; initial: string; role: string }
  /** Every account of the person, the current one included. */
  accounts: { id: string; name: string; initial: string }[]
}

/** Tells pages who looks at them; asked when a page is rendered, because a request may change the account on its way. */
export function setViewer(res: Response, viewer: () => Viewer): void {
  res.locals['viewer'] = viewer
}

/** Who looks at the page, where anybody is signed in. */
export function viewerOf(res: Response): Viewer | undefined {
  return (res.locals['viewer'] as (() => Viewer) | undefined)?.()
}
