import { type Request, type Response, Router } from 'express'
import { findRecipientKey, recipientKids } from '../../apps-registry/current-recipient.ts'
import { type App, findApp } from '../../apps-registry/find-app.ts'
import { rotateWebhookSecret } from '../../apps-registry/rotate-webhook-secret.ts'
import type { Tx } from '../../db/connect.ts'
import type { Actor } from '../audit/record-activity.ts'
import { AppError } from '../base/errors.ts'
import { readEventFeed } from '../deliveries/event-feed.ts'
import { listAppDeliveries } from '../deliveries/list-deliveries.ts'
import { endHold, findDeliveryToSend, redeliver } from '../deliveries/redeliver.ts'
import type { Deps } from '../deps.ts'
import { jsonBody, parseInput } from '../http/parse.ts'
import { clientAddress, idParam } from '../http/request.ts'
import { respondProblem } from '../http/respond-error.ts'
import { findInstallationOfApp } from '../installs/find-installation.ts'
import type { Installation } from '../installs/installation.ts'
import { listInstallationsOfApp } from '../installs/list-installations.ts'
import { suspendInstallation } from '../installs/suspend-installation.ts'
import { uninstallApp } from '../installs/uninstall-app.ts'
import { endKey } from '../key-life/expire-account-key.ts'
import { requireGranted } from '../key-life/granted-permissions.ts'
import { mintAnotherKey } from '../key-life/mint-another-key.ts'
import { rotateManagedKey } from '../key-life/rotate-managed-key.ts'
import { findAppKey, type Key, pageInstallationKeys } from '../keys/find-keys.ts'
import { findPresentedKey } from '../keys/verify-key.ts'
import { authenticateToken, type TokenBearer } from '../oauth/authenticate-token.ts'
import { tokenChallenges } from '../oauth/token-challenges.ts'
import { type Answer, answerOnce, type Call } from './answer-once.ts'
import { deliveryObject, eventObject, installationObject, keyObject, newKeyObject } from './api-objects.ts'
import { eventsPage, MintRequest, NoMembers, pageOf, RotateRequest } from './api-schemas.ts'

/** Whom a request speaks for: an app, and with an install token only one installation of it. */
type Caller = TokenBearer & { app: App; actor: Actor }

/** `/v1` for platforms: the whole life of their keys without asking a person. */
export function platformApiRoutes(deps: Deps): Router {
  const { config, database, clock } = deps
  const router = Router({ caseSensitive: true, strict: true })
  router.use('/v1', jsonBody)

  router.get('/v1/keys/self', async (req, res) => {
    const [, presented = ''] = /^Bearer +(\S+)$/i.exec(req.get('authorization') ?? '') ?? []
    const key = await database.read(tx => findPresentedKey(tx, presented, clientAddress(req), clock.now()))
    if (!key) throw new AppError('access.unauthorized', { detail: 'Send a key that works as Authorization: Bearer.' })
    res.set('Cache-Control', 'no-store').json(keyObject(key, clock.now()))
  })

  router.use('/v1/keys/self', respondProblem(deps.log)) // takes keys, which are bound to none

  router.get('/v1/installations', async (req, res) => {
    const { app, installationId } = await authenticate(req, res)
    const { limit, cursor } = parseInput(pageOf('ins'), req.query)
    const rows = await database.read(tx =>
      listInstallationsOfApp(tx, { appId: app.id, installationId, before: cursor, limit: limit + 1 }),
    )
    sendList(res, rows, limit, row => installationObject(row, app))
  })

  router.get('/v1/installations/:installation', async (req, res) => {
    const caller = await authenticate(req, res)
    res.json(installationObject(await database.read(tx => installationOf(tx, caller, req)), caller.app))
  })

  router.post('/v1/installations/:installation/uninstall', async (req, res) => {
    const caller = await authenticate(req, res)
    await answer(req, res, caller, {
      own: tx => installationOf(tx, caller, req),
      work: async (tx, { id }) => {
        const { installation } = await uninstallApp(tx, deps, {
          installationId: id,
          keys: { answer: 'expire' },
          reason: 'platform',
          actor: caller.actor,
        })
        return { status: 200, body: installationObject(installation, caller.app) }
      },
    })
  })

  for (const [path, suspended] of [
    ['suspend', true],
    ['resume', false],
  ] as const) {
    router.post(`/v1/installations/:installation/${path}`, async (req, res) => {
      const caller = await authenticate(req, res)
      await answer(req, res, caller, {
        own: tx => installationOf(tx, caller, req),
        work: async (tx, { id }) => {
          const command = { installationId: id, appId: caller.app.id, by: 'platform', suspended } as const
          const { installation } = await suspendInstallation(tx, deps, { ...command, actor: caller.actor })
          return { status: 200, body: installationObject(installation, caller.app) }
        },
      })
    })
  }

  router.get('/v1/installations/:installation/keys', async (req, res) => {
    const caller = await authenticate(req, res)
    const { limit, cursor } = parseInput(pageOf('key'), req.query)
    await deps.usage.flush()
    const keys = await database.read(async tx => {
      const { id: installationId } = await installationOf(tx, caller, req)
      return await pageInstallationKeys(tx, { installationId, before: cursor, limit: limit + 1 })
    })
    sendList(res, keys, limit, key => keyObject(key, clock.now()))
  })

  router.post('/v1/installations/:installation/keys', async (req, res) => {
    const caller = await authenticate(req, res)
    const { name, permissions, expires_at, note } = parseInput(MintRequest, req.body)
    const expiresAt = expires_at ? Date.parse(expires_at) : null
    await answer(req, res, caller, {
      own: async tx => {
        if (caller.app.status === 'suspended') throw new AppError('installation.not_active')
        return await installationOf(tx, caller, req)
      },
      ready: async () => {
        if (expiresAt !== null && expiresAt <= clock.now())
          throw new AppError('request.invalid', { faults: [{ field: 'expires_at', message: 'must be in the future' }] })
        return await findRecipientKey(deps, caller.app)
      },
      work: async (tx, { id }, recipient) => {
        const { key, sealed } = await mintAnotherKey(tx, deps, {
          ...{ installationId: id, name, permissions, expiresAt, note: note ?? null },
          ...{ atMost: caller.permissions, recipient, actor: caller.actor },
        })
        return { status: 201, body: newKeyObject(key, sealed, clock.now()) }
      },
    })
  })

  router.post('/v1/keys/:key/rotate', async (req, res) => {
    const caller = await authenticate(req, res)
    const { overlap_seconds: overlapSeconds, reason, force } = parseInput(RotateRequest, req.body)
    await answer(req, res, caller, {
      own: tx => keyOf(tx, caller, req),
      ready: () => findRecipientKey(deps, caller.app),
      work: async (tx, old, recipient) => {
        const { key, sealed } = await rotateManagedKey(tx, deps, {
          ...{ key: old, overlapSeconds, force, reason },
          ...{ atMost: caller.permissions, recipient, actor: caller.actor },
        })
        return { status: 201, body: newKeyObject(key, sealed, clock.now()) }
      },
    })
  })

  router.post('/v1/keys/:key/expire', async (req, res) => {
    const caller = await authenticate(req, res)
    await answer(req, res, caller, {
      own: tx => keyOf(tx, caller, req),
      work: async (tx, key) => {
        await endKey(tx, deps, key, 'by_platform', caller.actor)
        return { status: 200, body: keyObject(await keyOf(tx, caller, req), clock.now()) }
      },
    })
  })

  router.get('/v1/deliveries', async (req, res) => {
    const { app, installationId } = await authenticate(req, res)
    const { limit, cursor } = parseInput(pageOf('dlv'), req.query)
    const rows = await database.read(tx =>
      listAppDeliveries(tx, { appId: app.id, installationId, before: cursor, limit: limit + 1 }),
    )
    sendList(res, rows, limit, deliveryObject)
  })

  router.post('/v1/deliveries/:delivery/redeliver', async (req, res) => {
    const caller = await authenticate(req, res)
    const { app, installationId } = caller
    const which = { deliveryId: idParam(req, 'delivery', 'dlv'), app, installationId, actor: caller.actor }
    await answer(req, res, caller, {
      own: tx => findDeliveryToSend(tx, which),
      ready: async () => {
        const kids = await recipientKids(deps, app)
        const holdEnded = await database.transaction(tx => endHold(tx, deps, which))
        if (holdEnded) deps.worker.wake()
        return { recipientKids: kids, holdEnded }
      },
      work: async (tx, _delivery, ready) => {
        const command = { ...which, ...ready }
        return { status: 200, body: deliveryObject(await redeliver(tx, deps, command)) }
      },
    })
  })

  router.get('/v1/events', async (req, res) => {
    const { app, installationId, permissions } = await authenticate(req, res)
    const { limit, after } = parseInput(eventsPage, req.query)
    const rows = await readEventFeed(database, { appId: app.id, installationId, after, limit: limit + 1 })
    sendList(res, rows, limit, row => eventObject(row, permissions))
  })

  router.post('/v1/webhook-secret/rotate', async (req, res) => {
    const caller = await authenticate(req, res)
    await answer(req, res, caller, {
      own: async () => {
        if (caller.installationId === undefined) return
        throw new AppError('access.forbidden', {
          detail: 'Use a client-credentials token: the secret is the whole app’s.',
        })
      },
      work: async tx => ({
        status: 200,
        body: { webhook_secret: await rotateWebhookSecret(tx, deps, { appId: caller.app.id, actor: caller.actor }) },
      }),
    })
  })

  router.use('/v1', respondProblem(deps.log, tokenChallenges))

  async function authenticate(req: Request, res: Response): Promise<Caller> {
    res.set('Cache-Control', 'no-store')
    const presented = {
      authorization: req.get('authorization'),
      dpop: req.get('dpop'),
      method: req.method,
      path: req.path,
    }
    const bearer = await authenticateToken({ ...deps, publicUrl: config.publicUrl }, presented)
    await deps.limits.spend(['api', bearer.appId])
    const app = await database.read(tx => findApp(tx, bearer.appId))
    if (!app || app.status === 'retired') throw new AppError('access.unauthorized')
    return { ...bearer, app, actor: { type: 'platform', id: app.platform.id, ip: clientAddress(req) } }
  }

  /** Does what a POST asks for, once for each `Idempotency-Key`. */
  async function answer<Object, Ready>(
    req: Request,
    res: Response,
    caller: Caller,
    call: Call<Object, Ready>,
  ): Promise<void> {
    const key = req.get('idempotency-key')
    if (key !== undefined && (key === '' || key.length > 255)) {
      throw new AppError('request.invalid', {
        faults: [{ field: 'Idempotency-Key', message: 'must have 1 to 255 characters' }],
      })
    }
    parseInput(NoMembers, req.body)
    const request = { appId: caller.app.id, path: spelledOut(req), key, body: req.body }
    const mayHave = ({ body }: Answer) => {
      if (body['encrypted_secret']) requireGranted(body['permissions'] as string[], caller.permissions)
    }
    const { status, body } = await answerOnce(deps, request, { mayHave, ...call })
    res.status(status).json(body)
  }

  return router
}

/** The one spelling of the path of a request: what stands for its parameters in the address may be percent-encoded. */
function spelledOut({ route, params }: Request): string {
  return String(route.path).replaceAll(/:(\w+)/g, (_, name: string) => String(params[name]))
}

async function installationOf(tx: Tx, { app, installationId }: Caller, req: Request): Promise<Installation> {
  const id = idParam(req, 'installation', 'ins')
  if (installationId !== undefined && installationId !== id) throw new AppError('object.not_found')
  return await findInstallationOfApp(tx, app.id, id)
}

async function keyOf(tx: Tx, { app, installationId }: Caller, req: Request): Promise<Key> {
  const key = await findAppKey(tx, app.id, idParam(req, 'key', 'key'))
  if (installationId !== undefined && key.installationId !== installationId) throw new AppError('object.not_found')
  return key
}

/** `rows` holds one more than the page where there is a next one. */
function sendList<Row extends { id: string }>(
  res: Response,
  rows: readonly Row[],
  limit: number,
  toObject: (row: Row) => object,
): void {
  const shown = rows.slice(0, limit)
  res.json({ data: shown.map(toObject), next_cursor: rows.length > limit ? (shown.at(-1)?.id ?? null) : null })
}
