import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPERATOR_LOG } from '../../server/audit/record-activity.ts'
import { retireApp, suspendApp } from '../../server/key-life/change-app.ts'
import { runBatchJobs, workOff } from '../../server/key-life/run-batch-jobs.ts'
import { nodeBeside } from '../deliveries/node-beside.ts'
import { startServer } from '../deliveries/server-process.ts'
import { eventually } from '../support/eventually.ts'
import { rowsOf } from '../support/steps.ts'
import { createWorld, type World } from '../support/world.ts'
import { type FilledInstallation, fillInstallations } from './fill-installations.ts'

const actor = { type: 'operator' as const, id: 'tests', ip: '' }

/** A published app with one real installation and `count` more accounts inserted as rows. */
async function everywhere(count: number) {
  const world = await createWorld({ worker: false })
  const app = await world.app()
  const { id } = await world.install(await world.person(), app)
  await world.deliver()
  return { world, app, id, filled: await fillInstallations(world, id, count) }
}

async function codesOf(world: World, filled: readonly FilledInstallation[]): Promise<unknown[]> {
  return await Promise.all(filled.map(async ({ key }) => (await world.verify(key))['code'] ?? 'valid'))
}

/** For each number of entries of a kind, the number of accounts whose logs have that many. The operator's log has them too. */
async function saidOften(world: World, what: string): Promise<Record<number, number>> {
  const rows = await rowsOf(world, 'activity', { what })
  const often = Map.groupBy(rows, row => row['account_id'])
  assert.ok(often.delete(OPERATOR_LOG), `the operator's log has ${what}`)
  return Object.fromEntries(
    [...Map.groupBy(often.values(), entries => entries.length)].map(([times, logs]) => [times, logs.length]),
  )
}

test('suspended with more accounts than one transaction covers: keys are refused at once, and each log has one entry', async () => {
  const { world, app, filled } = await everywhere(30)
  await using _ = world
  const some = [filled.at(0), filled.at(15), filled.at(-1)] as FilledInstallation[]
  assert.deepEqual(await codesOf(world, some), Array(3).fill('valid'))
  const move = (verb: 'suspend' | 'resume') =>
    world.deps.database.transaction(tx => suspendApp(tx, world.deps, { id: app.id, verb, actor }))
  await move('suspend')
  assert.deepEqual(await codesOf(world, some), Array(3).fill('suspended'))
  const early = await saidOften(world, 'app.suspended')
  assert.ok((early[1] ?? 0) < 31, 'the other accounts follow later')
  await move('resume')
  assert.deepEqual(await codesOf(world, some), Array(3).fill('valid'))
  await Promise.all([runBatchJobs(world.deps), runBatchJobs(world.deps)])
  await runBatchJobs(world.deps)
  assert.deepEqual(await rowsOf(world, 'batch_jobs'), [])
  assert.deepEqual(await saidOften(world, 'app.suspended'), { 1: 32 }, 'the accounts and the publisher')
  assert.deepEqual(await saidOften(world, 'app.resumed'), { 1: 32 })
})

test('retired in more accounts than one response covers: the rest follows', async () => {
  const { world, app, filled } = await everywhere(102)
  await using _ = world
  const some = [filled.at(0), filled.at(-1)] as FilledInstallation[]
  assert.deepEqual(await codesOf(world, some), ['valid', 'valid'])
  await retireApp(world.deps, { appId: app.id, actor })
  assert.deepEqual(await codesOf(world, some), ['expired', 'suspended'])
  const left = async () => (await rowsOf(world, 'installations', { app_id: app.id, status: 'active' })).length
  assert.equal(await left(), 3)
  assert.equal((await rowsOf(world, 'batch_jobs')).length, 1)
  assert.equal(await runBatchJobs(world.deps), undefined)
  assert.equal(await left(), 0)
  assert.deepEqual(await codesOf(world, some), ['expired', 'expired'])
  assert.deepEqual(await saidOften(world, 'installation.uninstalled'), { 1: 103, 103: 1 })
  const told = await rowsOf(world, 'events', { type: 'installation.uninstalled' })
  assert.equal(new Set(told.map(event => event['installation_id'])).size, 103)
  assert.equal(told.length, 103, 'each platform event once')
})

test('two processes at one job: every batch is done by one of them', async () => {
  const { world, app } = await everywhere(12)
  await using _ = world
  await using other = await nodeBeside(world)
  await retireApp(world.deps, { appId: app.id, actor, batches: 0 })
  const [job] = await rowsOf(world, 'batch_jobs')
  const id = String(job?.['id'])
  await Promise.all([world.deps, other.deps].map(deps => workOff(deps, id, Number.POSITIVE_INFINITY)))
  assert.deepEqual(await rowsOf(world, 'batch_jobs'), [])
  assert.deepEqual(await saidOften(world, 'installation.uninstalled'), { 1: 13, 13: 1 })
  assert.equal((await rowsOf(world, 'events', { type: 'installation.uninstalled' })).length, 13)
})

test('a process killed in the middle of a job leaves the rest to another, and nothing is done twice', async () => {
  const { world, app, filled } = await everywhere(60)
  await using _ = world
  await retireApp(world.deps, { appId: app.id, actor, batches: 0 })
  const done = async () => (await rowsOf(world, 'installations', { app_id: app.id, status: 'uninstalled' })).length
  await using killed = await startServer(world, { ROLES: 'web,worker' })
  await eventually(async () => (await done()) > 2)
  await killed.kill()
  const before = await done()
  assert.ok(before < 61, `${before}: it was in the middle`)
  const positions = (await rowsOf(world, 'batch_jobs')).map(row => row['position'])
  assert.equal(positions.length, 1)
  assert.deepEqual(await codesOf(world, [filled.at(-1)] as FilledInstallation[]), ['suspended'])
  await runBatchJobs(world.deps)
  assert.equal(await done(), 61)
  assert.deepEqual(await saidOften(world, 'installation.uninstalled'), { 1: 61, 61: 1 })
  assert.equal((await rowsOf(world, 'events', { type: 'installation.uninstalled' })).length, 61)
})
