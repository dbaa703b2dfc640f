import type { Response } from 'express'

/** The signed-in person and their current account; undefined on pages without a session. */
export type Viewer = {
  email: string
  initials: string
  account: { id: string; name: string; initial: string; role: string }
  /** Every account of the person, the current one included. */
  accounts: { id: string; name: string; initial: string }[]
}

/** Sets the viewer for pages. Called when a page is rendered, because a request may change the current account. */
export function setViewer(res: Response, viewer: () => Viewer): void {
  res.locals['viewer'] = viewer
}

/** The viewer of the page; undefined if nobody is signed in. */
export function viewerOf(res: Response): Viewer | undefined {
  return (res.locals['viewer'] as (() => Viewer) | undefined)?.()
}
