import type { Request, Response } from 'express'
import type { Provider } from 'oidc-provider'
import type { App } from '../../apps-registry/find-app.ts'
import { findOwnAppToManage } from '../../apps-registry/find-own-app.ts'
import type { Database, Tx } from '../../db/connect.ts'
import { memberOf } from '../accounts/session-guard.ts'
import type { Caps } from '../base/caps.ts'
import type { Config } from '../config.ts'
import type { RenderPage } from '../http/pages.ts'
import { idParam } from '../http/request.ts'
import type { RateLimits } from '../limits/rate-limits.ts'

export type PortalAppCaps = Caps & {
  config: Config
  database: Database
  limits: RateLimits
  provider: Provider
  render: RenderPage
}

/** Changes an app of the current account, if the role of the person allows it now. */
export async function changeOwnApp<Result>(
  caps: PortalAppCaps,
  req: Request,
  res: Response,
  work: (tx: Tx, app: App) => Promise<Result>,
): Promise<Result> {
  const id = idParam(req, 'app', 'app')
  const member = memberOf(res)
  return await caps.database.transaction(async tx => await work(tx, await findOwnAppToManage(tx, member, id)))
}
