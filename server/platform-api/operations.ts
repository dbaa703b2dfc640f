import type { Operation } from '../http/operation.ts'
import type { ApiCaps } from './api-caps.ts'
import { expireKey } from './operations/expire-key.ts'
import { getInstallation } from './operations/get-installation.ts'
import { getOwnKey } from './operations/get-own-key.ts'
import { listDeliveries } from './operations/list-deliveries.ts'
import { listEvents } from './operations/list-events.ts'
import { listInstallations } from './operations/list-installations.ts'
import { listKeys } from './operations/list-keys.ts'
import { mintKey } from './operations/mint-key.ts'
import { redeliver } from './operations/redeliver.ts'
import { reportLeaks } from './operations/report-leaks.ts'
import { resume } from './operations/resume.ts'
import { rotateKey } from './operations/rotate-key.ts'
import { rotateWebhookSecret } from './operations/rotate-webhook-secret.ts'
import { suspend } from './operations/suspend.ts'
import { uninstall } from './operations/uninstall.ts'

/** Every operation of the platform API, in the order of the reference. */
export const OPERATIONS: readonly Operation<ApiCaps>[] = [
  listInstallations,
  getInstallation,
  uninstall,
  suspend,
  resume,
  getOwnKey,
  listKeys,
  mintKey,
  rotateKey,
  expireKey,
  listDeliveries,
  redeliver,
  listEvents,
  rotateWebhookSecret,
  reportLeaks,
]
