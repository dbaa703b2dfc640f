import { Router } from 'express'
import { findApps } from '../../apps-registry/find-app.ts'
import { badgeOf } from '../../apps-registry/listing-page.ts'
import type { ExpireKeyPage, KeysPage, NoticeModel } from '../../views/models.ts'
import { requireAbility, roleAllows } from '../accounts/roles.ts'
import { DAY } from '../base/clock.ts'
import type { Deps } from '../deps.ts'
import { agoText } from '../http/format.ts'
import { lookAtAccountOf } from '../http/look-at-account.ts'
import { actorOf, idParam, requireSession, signedIn } from '../http/session.ts'
import { accountOfKey, findKeyOf, type Key, listAccountKeys } from '../keys/find-keys.ts'
import { statusAt } from '../keys/key-states.ts'
import { readUse } from '../keys/usage.ts'
import { expireManagedKey } from './expire-managed-key.ts'
import { keyRow } from './key-row-page.ts'

const LISTED_AFTER_EXPIRY = 30 * DAY

const FILTERS: { text: string; value: string; holds(key: Key, now: number): boolean }[] = [
  { text: 'All', value: '', holds: () => true },
  { text: 'Live mode', value: 'live', holds: key => key.mode === 'live' },
  { text: 'Test mode', value: 'test', holds: key => key.mode === 'test' },
  { text: 'Ended', value: 'expired', holds: (key, now) => statusAt(key, now) === 'expired' },
]

/** The account's keys: who manages which, and *Expire*. No page ever shows a key. */
export function keysRoutes(deps: Deps): Router {
  const { database, clock, usage } = deps
  const router = Router()
  router.use('/keys', requireSession)
  router.use('/keys/:key', lookAtAccountOf(deps, 'key', accountOfKey))

  router.get('/keys', async (req, res) => {
    await usage.flush()
    const { current } = signedIn(res)
    const now = clock.now()
    const filter = FILTERS.find(entry => entry.value === req.query['show']) ?? FILTERS[0]
    const { keys, apps } = await database.read(async tx => {
      const all = await listAccountKeys(tx, current.account.id, now - LISTED_AFTER_EXPIRY)
      return {
        keys: all,
        apps: await findApps(
          tx,
          all.flatMap(key => key.appId ?? []),
        ),
      }
    })
    const page: KeysPage = {
      filters: FILTERS.map(({ text, value }) => ({
        text,
        href: value ? `/keys?show=${value}` : '/keys',
        current: value === filter?.value,
      })),
      keys: keys
        .filter(key => filter?.holds(key, now))
        .map(key =>
          keyRow(
            key,
            key.appId === null ? undefined : apps.get(key.appId),
            now,
            roleAllows(current.role, 'expire_key'),
          ),
        ),
    }
    const flash = flashOf(keys, req.query, now)
    deps.render(req, res, 'keys', { title: 'API keys', nav: 'keys', ...(flash && { flash }) }, page)
  })

  router.get('/keys/:key/expire', async (req, res) => {
    await usage.flush()
    const { user, current } = signedIn(res)
    const now = clock.now()
    const { key, app, use } = await database.read(async tx => {
      const found = await findKeyOf(tx, current.account.id, idParam(req, 'key', 'key'))
      await requireAbility(tx, user.id, current.account.id, 'expire_key')
      const use = (await readUse(tx, [found.id], now))(found.id)
      return {
        key: found,
        use,
        app: (await findApps(tx, found.appId === null ? [] : [found.appId])).get(found.appId ?? ''),
      }
    })
    if (statusAt(key, now) === 'expired') return res.redirect(303, `/keys?expired=${key.id}`)
    const badge = app ? badgeOf(app) : { name: 'You', logo: '' }
    const page: ExpireKeyPage = {
      action: `/keys/${key.id}/expire`,
      key: {
        name: key.name,
        redacted: key.redacted,
        managedBy: badge,
        note:
          key.keptAt === null
            ? `Managed by ${badge.name}, which stays installed.`
            : `Kept after ${badge.name} was uninstalled.`,
      },
      facts: [
        { label: 'Last used', text: agoText(key.lastUsedAt, now) },
        { label: 'Calls, 24 hours', text: use.calls24h.toLocaleString('en-GB') },
        { label: 'Calls, 7 days', text: use.calls7d.toLocaleString('en-GB') },
        { label: 'From', text: use.addresses.slice(0, 3).join(', ') || 'Nowhere yet' },
      ],
      inUse: key.lastUsedAt !== null && now - key.lastUsedAt < DAY,
    }
    deps.render(req, res, 'expire-key', { title: `Expire “${key.name}”?`, nav: 'keys' }, page)
  })

  router.post('/keys/:key/expire', async (req, res) => {
    const session = signedIn(res)
    const { user, current } = session
    const command = {
      keyId: idParam(req, 'key', 'key'),
      accountId: current.account.id,
      userId: user.id,
      actor: actorOf(session),
    }
    const { key, expired } = await database.transaction(tx => expireManagedKey(tx, deps, command))
    if (expired) deps.worker.wake()
    res.redirect(303, `/keys?expired=${key.id}`)
  })

  return router
}

/** What was done on the page before, as long as it is still so. */
function flashOf(keys: readonly Key[], query: Record<string, unknown>, now: number): NoticeModel | undefined {
  const expired = keys.find(key => key.id === query['expired'] && statusAt(key, now) === 'expired')
  if (expired) return { tone: 'good', strong: `${expired.name} has expired.`, text: 'It is refused from now on.' }
  const rotated = keys.find(key => key.id === query['rotated'] && key.replaces !== null)
  return rotated && { tone: 'good', strong: `${rotated.name} is being rotated.`, text: 'The new key is on its way.' }
}
