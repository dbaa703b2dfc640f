import { listCheckpoints, makeCheckpoints } from '../../server/audit/checkpoints.ts'
import { verifyActivity } from '../../server/audit/verify-activity.ts'
import { listJobIds } from '../../server/installs/batch-jobs.ts'
import { suspendApp } from '../../server/key-life/change-app.ts'
import { expireOverdueKeys } from '../../server/key-life/expire-overdue-keys.ts'
import { remindOfDeadlines } from '../../server/key-life/remind-of-deadlines.ts'
import { replaceLeakedKeys } from '../../server/key-life/replace-leaked-keys.ts'
import { workOff } from '../../server/key-life/run-batch-jobs.ts'
import { dealWithLeftReports } from '../../server/key-life/take-leak-report.ts'
import { sweepOpenRequests } from '../../server/oauth/sweep-open-requests.ts'
import { countRootUse, reencrypt } from '../../server/reencrypt.ts'
import { sweep } from '../../server/sweep.ts'
import type { World } from '../../tests/support/world.ts'
import type { Filled } from './fill-database.ts'

/** Everything that reads lists or counts, by label. */
export function occasions(world: World, filled: Filled): [string, () => Promise<unknown>][] {
  return [...pages(filled), ...operations(world, filled), ...byItself(world), ...commands(world, filled)]
}

function pages({ person, installed, app }: Filled): [string, () => Promise<unknown>][] {
  const look = (path: string, who = person): [string, () => Promise<unknown>] => [
    path.replaceAll(/(ins|app|key|dlv)_[0-9a-z]+/g, '{id}'),
    async () => {
      const answer = await who.browser.get(path)
      if (answer.status >= 400) throw new Error(`${path}: ${answer.status}`)
    },
  ]
  const [ins, publisher] = [`/apps/${installed.id}`, app.platform.person]
  const own = `/platform/apps/${app.id}`
  const filters = ['active', 'expiring', 'frozen', 'kept', 'expired'].map(status => `/keys?status=${status}`)
  return [
    ...['/marketplace', '/marketplace?q=nothing-has-this', '/marketplace?category=Hosting', '/apps'].map(path =>
      look(path),
    ),
    ...[ins, `${ins}?before=100000`, `${ins}/uninstall`, `${ins}/permissions`].slice(0, 3).map(path => look(path)),
    ...['/keys', '/keys?mode=test', '/keys?app=restricted', `/keys?app=${app.id}`, ...filters].map(path => look(path)),
    ...[
      '',
      '?before=40000',
      '?what=keys',
      '?who=latchkey',
      `?app=${app.id}`,
      `?object=${installed.id}`,
      '?to=2000-01-01',
    ].map(query => look(`/activity${query}`)),
    ...['/platform', own, `${own}?show=failed`, `${own}?show=pending`].map(path => look(path, publisher)),
  ]
}

function operations(world: World, { app, installed }: Filled): [string, () => Promise<unknown>][] {
  const credentials = Buffer.from(`${app.registered.client_id}:${app.registered.client_secret}`).toString('base64')
  let all = ''
  const call = (path: string, token: () => string, name: string): [string, () => Promise<unknown>] => [
    `${path.replaceAll(/(ins|evt)_[0-9a-z]+/g, '{id}')} ${name}`,
    async () => {
      const answer = await fetch(world.url + path, { headers: { authorization: `Bearer ${token()}` } })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      await answer.text()
    },
  ]
  const [ofApp, ofOne] = [() => all, () => installed.tokens.access_token]
  return [
    [
      'token',
      async () => {
        const answer = await fetch(`${world.url}/oauth/token`, {
          method: 'POST',
          headers: { authorization: `Basic ${credentials}` },
          body: new URLSearchParams({ grant_type: 'client_credentials' }),
        })
        all = ((await answer.json()) as { access_token: string }).access_token
      },
    ],
    ...['/v1/installations', '/v1/deliveries', '/v1/events?limit=100'].flatMap(path => [
      call(path, ofApp, 'of the app'),
      call(path, ofOne, 'of one installation'),
    ]),
    call(`/v1/installations/${installed.id}/keys`, ofOne, 'keys'),
  ]
}

function byItself({ deps }: World): [string, () => Promise<unknown>][] {
  return [
    ['runner deadlines', () => expireOverdueKeys(deps)],
    ['runner reminders', () => remindOfDeadlines(deps)],
    ['runner leaks', () => replaceLeakedKeys(deps)],
    ['runner reports', () => dealWithLeftReports(deps)],
    ['runner open requests', () => sweepOpenRequests(deps)],
    ['runner encryption', () => reencrypt(deps)],
    ['runner mails', () => deps.mailer.sendDue(() => {})],
    ['metrics', () => deps.metrics.text(deps.metricSources)],
    ['sweep', () => sweep(deps)],
  ]
}

function commands({ deps }: World, { app }: Filled): [string, () => Promise<unknown>][] {
  const actor = { type: 'operator' as const, id: 'bench', ip: '' }
  return [
    ['doctor roots', () => countRootUse(deps.database, deps.keyring.roots)],
    ['checkpoints', () => makeCheckpoints(deps, 0)],
    ['audit checkpoints', () => deps.database.read(tx => listCheckpoints(tx))],
    ['audit verify', () => deps.database.read(tx => verifyActivity(tx, deps.activityKey))],
    [
      'app suspend',
      () => deps.database.transaction(tx => suspendApp(tx, deps, { id: app.id, verb: 'suspend', actor })),
    ],
    [
      'batch jobs',
      async () => {
        for (const id of await deps.database.read(tx => listJobIds(tx, [], 5))) await workOff(deps, id, 2)
      },
    ],
  ]
}
